import { useEffect, useState } from "preact/hooks";
import {
  type Action,
  type ShownError,
  useAction,
  useConnection,
  useListChanges,
  useResource,
} from "../../api/index.js";
import { type AuditLog, withNewest, withOlder } from "./audit-log.js";

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
  useListChanges(["audit"], newest.reload);
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
