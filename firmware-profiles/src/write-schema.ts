import { mkdirSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { SCHEMA_PATH, schemaText } from "./schema-file.js";

/** `npm run schema -w @sartor/firmware-profiles`: writes the JSON Schema of profiles from the zod schema. */
mkdirSync(dirname(SCHEMA_PATH), { recursive: true });
writeFileSync(SCHEMA_PATH, schemaText());
