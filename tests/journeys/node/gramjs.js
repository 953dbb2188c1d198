// GramJS 2.26 (layer 198) driven over stdin/stdout: one JSON object a line. See test_node.py for the conversation.
const { TelegramClient, Api } = require("telegram");
const { StringSession } = require("telegram/sessions");
const { ConnectionTCPFull } = require("telegram/network/connection");
const { NewMessage } = require("telegram/events");
const rsa = require("telegram/crypto/RSA");
const bigInt = require("big-integer");
const readline = require("readline");

const say = (event) => process.stdout.write(JSON.stringify(event) + "\n");
const lines = readline.createInterface({ input: process.stdin })[Symbol.asyncIterator]();
const next = async () => JSON.parse((await lines.next()).value);
const { host, port, phone, name, n, e, fingerprint } = JSON.parse(process.argv[2]);

class Ours extends ConnectionTCPFull {
  constructor(options) {
    super({ ...options, ip: host, port });
  }
}

(async () => {
  rsa._serverKeys.set(fingerprint, { n: bigInt(n), e });
  const client = new TelegramClient(new StringSession(""), 1, "0123456789abcdef0123456789abcdef", {
    connection: Ours,
    connectionRetries: 5,
  });
  client.setLogLevel("error");
  client.addEventHandler((event) => {
    if (!event.message.out) say({ heard: event.message.message, from: String(event.message.senderId) });
  }, new NewMessage({}));
  await client.connect();
  await client.signInUser(
    { apiId: 1, apiHash: "0123456789abcdef0123456789abcdef" },
    {
      phoneNumber: async () => phone,
      phoneCode: async () => (say({ need: "code" }), (await next()).code),
      firstAndLastNames: async () => [name, "G"],
      onError: (error) => { say({ error: String(error) }); return true; },
    },
  );
  const me = await client.getMe();
  say({ me: String(me.id) });
  for (;;) {
    const order = await next();
    try {
      if (order.do === "username") await client.invoke(new Api.account.UpdateUsername({ username: order.username }));
      if (order.do === "send") await client.sendMessage(order.to, { message: order.text });
      if (order.do === "history") {
        const messages = await client.getMessages(order.of, { limit: 10 });
        say({ history: messages.map((m) => m.message) });
      }
      if (order.do === "file") {
        await client.sendFile(order.to, { file: order.path, forceDocument: !order.photo, workers: 2 });
      }
      if (order.do === "album") await client.sendFile(order.to, { file: order.paths });
      if (order.do === "fetch") {
        const [message] = await client.getMessages(order.of, { limit: 1 });
        require("fs").writeFileSync(order.path, await client.downloadMedia(message, {}));
      }
      if (order.do === "quit") { await client.destroy(); process.exit(0); }
      say({ done: order.do });
    } catch (error) {
      say({ error: String(error) });
    }
  }
})().catch((error) => { say({ error: String(error && error.stack || error) }); process.exit(1); });
