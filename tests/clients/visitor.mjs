// A person at the single-page example: types, clicks, waits, and notes what the page shows and what goes over the wire.
//   node visitor.mjs CHROMIUM PROFILE URL EMAIL PASSWORD CODE LIFE_OF_A_TOKEN_IN_SECONDS SCREENSHOTS
import puppeteer from "puppeteer-core";

const [executablePath, userDataDir, url, email, password, code, seconds, screenshots] = process.argv.slice(2);
const PATIENCE = 60_000;
const seen = { sent: [] };

const browser = await puppeteer.launch({ executablePath, userDataDir, args: ["--no-sandbox", "--no-first-run"] });
const page = await browser.newPage();
page.setDefaultTimeout(PATIENCE);
await page.setViewport({ width: 900, height: 1000 });

// By the protocol itself: of a preflight the page knows nothing.
const wire = await page.createCDPSession();
const asked = new Map();
wire.on("Network.requestWillBeSent", ({ requestId, request }) => {
  const key = Object.entries(request.headers).find(([name]) => name.toLowerCase() === "idempotency-key")?.[1];
  asked.set(requestId, { method: request.method, path: new URL(request.url).pathname, key });
});
wire.on("Network.responseReceived", ({ requestId, response }) => {
  seen.sent.push({ ...asked.get(requestId), status: response.status });
});
await wire.send("Network.enable");

const text = (selector) => page.$eval(selector, (one) => one.textContent.trim());
const count = (selector) => page.$$eval(selector, (all) => all.length);
const click = (name) => page.locator(`::-p-aria([name="${name}"][role="button"])`).click();
// The next answer is read, and waits until it is let go.
const holdAnswer = () => page.evaluate(() => {
  const real = window.fetch;
  window.letGo = null;
  window.fetch = async (...request) => {
    window.fetch = real;
    const answer = await real(...request), body = await answer.json();
    answer.json = async () => body;
    await new Promise((go) => { window.letGo = go; });
    return answer;
  };
});
const letGo = () => page.evaluate(() => new Promise((done) => { window.letGo(); setTimeout(done); }));
const isShown = (selector) => page.$eval(selector, (one) => one.checkVisibility());
const picture = (name) => page.screenshot({ path: `${screenshots}/${name}.png` });
const fill = async (number, values) => {
  for (const [name, value] of Object.entries(values)) {
    await page.locator(`[data-pointer="/lines/${number}/${name}"]`).fill(value);
  }
};
const names = () => page.$$eval("#customers label", (all) => all.map((one) => one.textContent.trim()));
const fault = (pointer) => page.$eval(`[data-pointer="${pointer}"]`, (field) => ({
  isInvalid: field.getAttribute("aria-invalid"),
  told: document.getElementById(field.getAttribute("aria-describedby"))?.textContent,
  hasFocus: document.activeElement === field,
}));

try {
  await page.goto(url);
  await page.locator("::-p-aria(E-mail)").fill(email);
  await page.locator("::-p-aria(Password)").fill("not this one");
  await click("Sign in");
  await page.waitForFunction(() => document.querySelector("#told").textContent !== "");
  seen.refusal = await text("#told");
  seen.asksForCode = [await isShown("#second")];
  await picture("refused");
  await page.locator("::-p-aria(Password)").fill(password);
  await click("Sign in");
  await page.waitForFunction(() => document.querySelector("#second").checkVisibility());
  seen.asksForCode.push(await isShown("#second"));
  await page.locator("::-p-aria(Code)").fill(code);
  await click("Sign in");
  await page.waitForSelector("#customers li");
  seen.firstPage = await names();
  await click("Next page");
  await page.waitForFunction(() => document.querySelector("#next-page").disabled);
  seen.lastPage = await names();
  await page.locator("#customers label").click();

  await fill(0, { description: "Consulting", quantity: "one", unit_price: "33.33", tax_rate: "19" });
  await click("Preview");
  await page.waitForSelector(".fault");
  seen.fault = await fault("/lines/0/quantity");
  await picture("fault");

  await fill(0, { quantity: "30" });
  await holdAnswer();
  await click("Preview");
  await page.waitForFunction(() => window.letGo !== null);
  await fill(0, { quantity: "3" });
  await letGo();
  seen.overtaken = { canBeIssued: await page.$eval("#issue", (one) => !one.disabled), figures: await text("#figures") };
  await click("Add a line");
  await fill(1, { description: "Handbook", quantity: "1", unit_price: "24.90", tax_rate: "7" });
  await click("Preview");
  await page.waitForSelector("#figures dl");
  seen.faultsAfter = await count(".fault");
  seen.foretold = await text("#figures");
  await new Promise((wake) => setTimeout(wake, (Number(seconds) + 1) * 1000));
  await click("Issue");
  await page.waitForFunction(() => document.querySelector("#figures h2")?.textContent.startsWith("Issued"));
  seen.issued = await text("#figures");
  await picture("issued");

  await click("Sign out");
  await page.waitForFunction(() => !document.querySelector("#entry").hidden);
  seen.isOut = !(await isShown("#inside"));
  seen.kept = await page.evaluate(() => [localStorage.length, sessionStorage.length, document.cookie]);
} catch (error) {
  seen.error = `${error.stack}\n${await page.evaluate(() => document.body.innerText)}`;
} finally {
  await browser.close();
}
console.log(JSON.stringify(seen));
