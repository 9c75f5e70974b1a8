import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { firmwareProfileJsonSchema } from "@sartor/shared/domain/hardware";

/** The JSON Schema that editors check profiles with; made from the zod schema, never by hand. */
export const SCHEMA_PATH = fileURLToPath(new URL("../schema/firmware-profile.schema.json", import.meta.url));

/** The schema's text as it has to stand in the file. */
export function schemaText(): string {
  return `${JSON.stringify(firmwareProfileJsonSchema(), null, 2)}\n`;
}

/** Whether the file holds what the code says now. */
export function schemaIsCurrent(): boolean {
  try {
    return (
      JSON.stringify(JSON.parse(readFileSync(SCHEMA_PATH, "utf8"))) === JSON.stringify(firmwareProfileJsonSchema())
    );
  } catch {
    return false;
  }
}
