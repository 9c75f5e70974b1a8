import { lintProfiles } from "@sartor/shared/domain/hardware";
import { SartorError } from "@sartor/shared/errors";
import { loadProfileFiles } from "./load-profiles.js";
import { schemaIsCurrent } from "./schema-file.js";

/** `npm run lint -w @sartor/firmware-profiles [-- folder]`: checks all profiles; ends with 1 when something is wrong. */
function main(folder: string | undefined): number {
  const files = loadProfileFiles(folder);
  const problems = lintProfiles(files).map(({ file, rule, text }) => `${file}: ${text} (${rule})`);
  if (!schemaIsCurrent()) problems.push("schema/firmware-profile.schema.json is old: npm run schema");
  for (const problem of problems) console.error(problem);
  console.log(`${files.profiles.length} profiles, ${files.templates.size} templates, ${problems.length} problems`);
  return problems.length === 0 ? 0 : 1;
}

try {
  process.exitCode = main(process.argv[2]);
} catch (error) {
  if (!(error instanceof SartorError)) throw error;
  console.error(error.message);
  process.exitCode = 1;
}
