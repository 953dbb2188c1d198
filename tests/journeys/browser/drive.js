// Builds the page (`build FOLDER`), or drives it in Chromium over stdin and stdout: one JSON object a line.
import { build } from "esbuild";
import { copyFile, mkdir } from "node:fs/promises";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { chromium } from "playwright-core";

const here = fileURLToPath(new URL(".", import.meta.url));
const say = (event) => process.stdout.write(JSON.stringify(event) + "\n");

async function bundle(folder) {
  await mkdir(folder, { recursive: true });
  await build({ entryPoints: [here + "app.js"], bundle: true, format: "esm", minify: true, outfile: folder + "/app.js" });
  await copyFile(here + "index.html", folder + "/index.html");
  await copyFile(here + "node_modules/@mtcute/wasm/mtcute-simd.wasm", folder + "/mtcute-simd.wasm");
}

async function drive(url, program) {
  const browser = await chromium.launch({
    executablePath: program,
    args: ["--no-sandbox", "--disable-gpu", "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"],
  });
  try {
    const page = await (await browser.newContext({ ignoreHTTPSErrors: true })).newPage();
    const trouble = [];
    page.on("pageerror", (error) => trouble.push(String(error)));
    page.on("console", (line) => line.type() === "error" && trouble.push(line.text()));
    page.on("requestfailed", (request) => trouble.push("failed: " + request.url()));
    await page.goto(url);
    await page.waitForFunction("globalThis.chat !== undefined", null, { timeout: 20000 }).catch((error) => {
      throw new Error(String(error) + " " + trouble.join("; "));
    });
    say({ title: await page.title(), source: await page.locator("#tgserve-source").getAttribute("href") });
    for await (const line of createInterface({ input: process.stdin })) {
      const [name, ...values] = JSON.parse(line);
      if (name === "quit") break;
      try {
        const result = await page.evaluate(([called, given]) => globalThis.chat[called](...given), [name, values]);
        say({ result: result === undefined ? null : result });
      } catch (error) {
        say({ error: String(error), trouble });
      }
    }
    say({ trouble });
  } finally {
    await browser.close();
  }
}

const [, , what, first, second] = process.argv;
await (what === "build" ? bundle(first) : drive(first, second));
process.exit(0);
