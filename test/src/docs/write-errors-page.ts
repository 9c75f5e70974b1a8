import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { renderErrorsPage } from "./errors-page.js";

/** `node test/dist/docs/write-errors-page.js [--check]`: writes docs/errors.md, or says whether it is up to date. */
const root = join(import.meta.dirname, "../../..");
const path = join(root, "docs/errors.md");
const page = renderErrorsPage();
const current = existsSync(path) ? readFileSync(path, "utf8") : "";

if (process.argv.includes("--check")) {
  if (current === page) {
    console.log("docs/errors.md is what the tables of error codes say.");
  } else {
    console.error("docs/errors.md is not what shared/src/errors/codes says. Run: npm run docs:errors");
    process.exitCode = 1;
  }
} else if (current === page) {
  console.log("docs/errors.md was up to date.");
} else {
  writeFileSync(path, page);
  console.log("docs/errors.md written.");
}
