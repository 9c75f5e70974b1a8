import { useEffect, useState } from "preact/hooks";
import { type Action, type ShownError, useAction, useConnection, useRefresh, useResource } from "../../api/index.js";
import { type AuditLog, withNewest, withOlder } from "./audit-log.js";

/** The live connection does not tell of entries, ms. */
const REFRESH_MS = 10_000;

/** The log as far as it was read. */
export interface ReadAuditLog {
  readonly log: AuditLog | null;
  readonly error: ShownError | null;
  /** Reads further back. */
  readonly older: Action<string>;
}

/** The audit log: the newest entries are kept current, older ones are read when asked for. */
export function useAuditLog(): ReadAuditLog {
  const { client } = useConnection();
  const [log, setLog] = useState<AuditLog | null>(null);
  const newest = useResource("audit", (signal) => client.audit.page(null, signal));
  useRefresh(newest.reload, REFRESH_MS);
  const { value } = newest;
  useEffect(() => {
    if (value !== null) setLog((old) => withNewest(old, value));
  }, [value]);
  const older = useAction(
    async (cursor: string, signal) => ({ cursor, page: await client.audit.page(cursor, signal) }),
    // Whatever was given up meanwhile needs no page from behind it.
    ({ cursor, page }) => setLog((old) => (old !== null && old.cursor === cursor ? withOlder(old, page) : old)),
  );
  return { log, error: newest.error, older };
}
