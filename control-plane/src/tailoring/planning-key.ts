import { createHash } from "node:crypto";
import type { Inventory } from "@sartor/shared/protocol";

/**
 * Names what a plan depends on of an inventory: all but the time of looking, the network, the disk and the serial number. Ten thousand devices of a
 * kind have one name, so that one plan serves them all. No firmware profile asks for what is left out; a test holds that.
 */
export function planningKey(inventory: Inventory): string {
  const { collectedAt: _collectedAt, network: _network, disk: _disk, board, ...facts } = inventory;
  const { serialHash: _serialHash, ...kind } = board;
  return createHash("sha256")
    .update(JSON.stringify({ ...facts, board: kind }))
    .digest("base64url");
}

/** Fields of an inventory that {@link planningKey} leaves out. */
export const NOT_PLANNED_BY: readonly string[] = ["collectedAt", "network", "disk", "board.serialHash"];
