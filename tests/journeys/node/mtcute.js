// mtcute 0.30 (layer 227) driven over stdin/stdout: one JSON object a line. See test_node.py for the conversation.
const readline = require("readline");

const say = (event) => process.stdout.write(JSON.stringify(event) + "\n");
const lines = readline.createInterface({ input: process.stdin })[Symbol.asyncIterator]();
const next = async () => JSON.parse((await lines.next()).value);
const { host, port, phone, name, pem } = JSON.parse(process.argv[2]);

(async () => {
  const { TelegramClient, MemoryStorage, InputMedia } = await import("@mtcute/node");
  const { NodeCryptoProvider, addPublicKey } = await import("@mtcute/node/utils.js");
  const crypto = new NodeCryptoProvider();
  await crypto.initialize();
  addPublicKey(crypto, pem);
  const dc = { id: 2, ipAddress: host, port };
  const client = new TelegramClient({
    apiId: 1,
    apiHash: "0123456789abcdef0123456789abcdef",
    storage: new MemoryStorage(),
    crypto,
    defaultDcs: { main: dc, media: { ...dc, mediaOnly: true } },
    logLevel: 1,
  });
  client.onNewMessage.add((message) => {
    if (!message.isOutgoing) say({ heard: message.text, from: String(message.sender.id) });
  });
  const sent = await client.sendCode({ phone });
  say({ need: "code" });
  const { code } = await next();
  let me;
  try {
    me = await client.signIn({ phone, phoneCodeHash: sent.phoneCodeHash, phoneCode: code });
  } catch (error) {
    if (!/sign ?up/i.test(String(error) + (error.text || ""))) throw error;
    me = null;
  }
  if (!me || !me.id) {
    await client.call({ _: "auth.signUp", phoneNumber: phone, phoneCodeHash: sent.phoneCodeHash, firstName: name, lastName: "M" })
      .then(async (auth) => { me = await client.notifyLoggedIn ? client.notifyLoggedIn(auth) : auth.user; });
    me = await me;
  }
  await client.startUpdatesLoop();
  const self = await client.getMe();
  say({ me: String(self.id) });
  for (;;) {
    const order = await next();
    try {
      if (order.do === "username") await client.call({ _: "account.updateUsername", username: order.username });
      if (order.do === "send") await client.sendText(order.to, order.text);
      if (order.do === "history") {
        const messages = await client.getHistory(order.of, { limit: 10 });
        say({ history: messages.map((m) => m.text) });
      }
      if (order.do === "file") {
        const file = "file:" + order.path;
        await client.sendMedia(order.to, order.photo ? InputMedia.photo(file) : InputMedia.document(file));
      }
      if (order.do === "album") {
        await client.sendMediaGroup(order.to, order.paths.map((path) => InputMedia.photo("file:" + path)));
      }
      if (order.do === "fetch") {
        const [message] = await client.getHistory(order.of, { limit: 1 });
        await client.downloadToFile(order.path, message.media);
      }
      if (order.do === "quit") { await client.destroy(); process.exit(0); }
      say({ done: order.do });
    } catch (error) {
      say({ error: String(error && error.stack || error) });
    }
  }
})().catch((error) => { say({ error: String(error && error.stack || error) }); process.exit(1); });
