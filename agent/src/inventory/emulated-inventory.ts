import { readFile, stat } from "node:fs/promises";
import { referenceInventorySchema, toEmulatedInventory } from "@sartor/shared/domain/hardware";
import { SartorError } from "@sartor/shared/errors";
import type { Inventory } from "@sartor/shared/protocol";
import { z } from "zod";

const LIMIT_BYTES = 1024 * 1024;

/** A firmware profile (its reference inventory counts), or an inventory by itself. Other fields are of no interest here. */
const fileSchema = z.union([
  z.object({ id: z.string().min(1).max(256), referenceInventory: referenceInventorySchema }),
  referenceInventorySchema.extend({ emulatedProfile: z.string().min(1).max(256).optional() }),
]);

type InventoryFile = z.infer<typeof fileSchema>;

/**
 * Loads the inventory of an emulated device from a firmware profile or an inventory file and marks it as emulated; what runs
 * models (`runtime`) stays that of this machine, because it is what really runs.
 *
 * @throws SartorError SRT_CONFIG_INVALID when the file cannot be read or does not fit the schema
 */
export async function loadEmulatedInventory(
  path: string,
  own: { readonly runtime: Inventory["runtime"]; readonly collectedAt: number },
): Promise<Inventory> {
  const file = await readInventoryFile(path);
  return "referenceInventory" in file
    ? toEmulatedInventory(file.id, file.referenceInventory, own)
    : toEmulatedInventory(file.emulatedProfile ?? file.board.model, file, own);
}

/** Architecture of the processor that an inventory file has. @throws SartorError SRT_CONFIG_INVALID */
export async function emulatedArchitecture(path: string): Promise<Inventory["cpu"]["architecture"]> {
  const file = await readInventoryFile(path);
  return ("referenceInventory" in file ? file.referenceInventory : file).cpu.architecture;
}

async function readInventoryFile(path: string): Promise<InventoryFile> {
  let content: unknown;
  try {
    if ((await stat(path)).size > LIMIT_BYTES) throw new Error(`larger than ${LIMIT_BYTES} bytes`);
    content = JSON.parse(await readFile(path, "utf8"));
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new SartorError("SRT_CONFIG_INVALID", `The inventory file ${path} cannot be read: ${reason}.`, { cause });
  }
  const parsed = fileSchema.safeParse(content);
  if (!parsed.success) {
    throw new SartorError(
      "SRT_CONFIG_INVALID",
      `The inventory file ${path} does not fit: ${z.prettifyError(parsed.error)}`,
    );
  }
  return parsed.data;
}
