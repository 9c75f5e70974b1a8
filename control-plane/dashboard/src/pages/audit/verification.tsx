import type { AuditHead } from "@sartor/shared/protocol";
import { useState } from "preact/hooks";
import { useAction, useConnection } from "../../api/index.js";
import { Ago, Badge, Command, ErrorNote, Panel } from "../../components/index.js";
import { formatCount } from "../../format/index.js";

/** Whether nobody changed or removed entries: each entry's hash covers the one before. */
export function Verification() {
  const { client } = useConnection();
  const [found, setFound] = useState<{ readonly head: AuditHead; readonly at: number } | null>(null);
  const check = useAction(
    (_: null, signal) => client.audit.verify(signal),
    (head) => setFound({ head, at: Date.now() }),
  );
  const run = () => {
    setFound(null);
    check.run(null);
  };
  const broken = check.error?.code === "SRT_AUDIT_BROKEN";
  return (
    <Panel
      title="The chain"
      aside={
        <span role="status">
          {check.busy ? (
            <Badge tone="busy">being checked…</Badge>
          ) : broken ? (
            <Badge tone="bad">broken</Badge>
          ) : found === null ? (
            <Badge tone="idle">not checked since this page opened</Badge>
          ) : (
            <Badge tone="good">{formatCount(found.head.sequence)} entries fit</Badge>
          )}
        </span>
      }
    >
      <p>
        Each entry holds the hash of the one before, so that a changed or removed one shows. Whoever can write to the
        database can make the whole chain anew: keep its end elsewhere, and compare.
      </p>
      {check.error === null ? null : (
        <ErrorNote error={check.error} title={broken ? "The log was changed" : "The chain could not be checked"} />
      )}
      {found === null ? null : (
        <>
          <p>
            Checked <Ago at={found.at} />. Its end, to be kept elsewhere:
          </p>
          <p class="command-block">
            <Command text={`${found.head.sequence}:${found.head.hash}`} />
          </p>
          <p class="muted small">This has the log read, and its chain computed, on a machine of yours:</p>
          <p class="command-block">
            <Command text={`sartor audit verify --head ${found.head.sequence}:${found.head.hash}`} />
          </p>
        </>
      )}
      <div class="button-row">
        <button type="button" disabled={check.busy} onClick={run}>
          Check the chain
        </button>
      </div>
    </Panel>
  );
}
