// Drives a Connect server with the vendor's own client, and prints a line for each thing that it found:
// claims.cjs MODULES URL TOKEN. What the server holds is laid by tests/it/onepassword/connect_fake.rs.
const assert = require("node:assert");
const [modules, serverURL, token] = process.argv.slice(2);
const { OnePasswordConnect } = require(`${modules}/@1password/connect`);

const fails = async (status, work) => {
  try {
    await work();
  } catch (error) {
    assert.strictEqual(error.status ?? error.statusCode ?? error.response?.status, status, String(error));
    return;
  }
  assert.fail(`no error where ${status} was expected`);
};

(async () => {
  const connect = OnePasswordConnect({ serverURL, token, keepAlive: true });
  const vaults = await connect.listVaults();
  assert.deepStrictEqual(vaults.map((vault) => vault.name).sort(), ["other", "prod"]);
  const prod = vaults.find((vault) => vault.name === "prod");
  assert.strictEqual((await connect.getVaultByTitle("prod")).id, prod.id);
  assert.strictEqual((await connect.getVaultById(prod.id)).name, "prod");
  console.log("vaults: all, by name, by id");

  const item = await connect.getItemByTitle(prod.id, "db");
  const value = (label) => item.fields.find((field) => field.label === label);
  assert.strictEqual(value("password").value, "example-value");
  assert.strictEqual(item.sections.find((section) => section.id === value("token").section.id).label, "live");
  assert.deepStrictEqual((await connect.getItemById(prod.id, item.id)).title, "db");
  console.log("items: by title, by id, fields, sections");

  assert.strictEqual(await connect.getItemOTP(prod.id, item.id), "123456");
  console.log("one-time passwords");

  const files = await connect.listFiles(prod.id, item.id);
  assert.strictEqual(files[0].name, "key.pem");
  assert.strictEqual(await connect.getFileContent(prod.id, item.id, files[0].id), "content");
  console.log("files: listed, content");

  await fails(404, () => connect.getItemById(prod.id, "z".repeat(26)));
  await fails(401, () => OnePasswordConnect({ serverURL, token: "example-other-token" }).listVaults());
  console.log("errors: 404, 401");
})().catch((error) => {
  console.error(error);
  process.exit(1);
});
