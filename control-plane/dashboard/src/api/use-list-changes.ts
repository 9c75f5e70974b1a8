import type { LiveListName } from "@sartor/shared/protocol";
import { useLiveEvents } from "./use-connection.js";
import { useRefresh } from "./use-refresh.js";

/** Also what only the clock changes (something ends, something was waited for long enough) is seen after so long, ms. */
const REFRESH_MS = 60_000;

/** Reads again when the live connection tells that one of these lists changed. */
export function useListChanges(lists: readonly LiveListName[], reload: () => void): void {
  useRefresh(reload, REFRESH_MS);
  useLiveEvents((event) => {
    if (event.type === "changed" && lists.includes(event.list)) reload();
  });
}
