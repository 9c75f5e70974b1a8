import { choicesTable } from "./choices-table.js";
import { EXAMPLE_MODEL } from "./example-model.js";
import { loadProfiles } from "./load-profiles.js";

/** `npm run table -w @sartor/firmware-profiles`: prints what each device would start with, and why, as a Markdown table. */
console.log(choicesTable(loadProfiles(), EXAMPLE_MODEL));
