import { resolve } from "node:path";
import { checkLayers } from "./check-layers.js";

/** `node test/dist/layers/main.js [root]`: prints every broken layer rule and exits with 1 if there is one. */
const root = resolve(process.argv[2] ?? ".");
const { violations, fileCount, importCount } = checkLayers(root);

for (const { path, line, rule, what, why, instead } of violations) {
  console.error(`${path}:${line}  [${rule}] ${what}.\n    Why: ${why}.\n    Instead: ${instead}.`);
}
if (fileCount === 0) {
  console.error(`No source file was found under ${root}: nothing was checked.`);
  process.exitCode = 1;
} else if (violations.length > 0) {
  console.error(`layers: ${violations.length} broken in ${fileCount} files.`);
  process.exitCode = 1;
} else {
  console.log(`layers: ${fileCount} files, ${importCount} imports, none forbidden.`);
}
