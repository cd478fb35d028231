// Prints the plaintext of an age file, or of one value of a SOPS file, with libraries that share no code with ours.
// Usage: node open.mjs age|sops NAME < FILE; the identity is in AGE_IDENTITY.
import { readFileSync } from "node:fs";
import { Decrypter, armor } from "age-encryption";
import { decryptSops } from "sops-age";

const [format, name] = process.argv.slice(2);
const content = readFileSync(0, "utf-8");
const identity = process.env.AGE_IDENTITY;

if (format === "age") {
  const decrypter = new Decrypter();
  decrypter.addIdentity(identity);
  process.stdout.write(await decrypter.decrypt(armor.decode(content), "text"));
} else {
  const values = await decryptSops(content, { secretKey: identity, fileType: "json" });
  process.stdout.write(values[name]);
}
