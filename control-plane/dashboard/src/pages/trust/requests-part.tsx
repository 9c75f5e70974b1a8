import type { SigningRequestView } from "@sartor/shared/protocol";
import { Ago, Command, EmptyState, Panel } from "../../components/index.js";
import { plural } from "../../format/index.js";
import { type NeedWords, needsOf, shortKey, signCommand } from "./trust-words.js";

/** Properties of the {@link RequestsPart}. */
export interface RequestsPartProps {
  readonly requests: readonly SigningRequestView[];
  /** Whether the key ceremony was held. */
  readonly ready: boolean;
}

/** Metadata that waits for signatures: whose, and the command that gives one. */
export function RequestsPart({ requests, ready }: RequestsPartProps) {
  return (
    <Panel title="Waiting for signatures">
      {requests.length === 0 ? (
        <EmptyState title={ready ? "Nothing waits for a signature" : "Nothing can wait for a signature yet"}>
          <p>
            {ready
              ? "When a version gets bundles, or a role nears its end, a request appears here."
              : "Requests appear here once the key ceremony was held."}
          </p>
        </EmptyState>
      ) : (
        <ul class="signing-requests" aria-label="Signing requests">
          {requests.map((request) => (
            <Request key={request.requestId} request={request} />
          ))}
        </ul>
      )}
    </Panel>
  );
}

function Request({ request }: { readonly request: SigningRequestView }) {
  const { repository, role, version, reason, createdAt } = request;
  return (
    <li class="signing-request">
      <span class="build-head">
        <b>
          {repository} {role}
        </b>
        <span class="muted">
          version {version} · <Ago at={createdAt} />
        </span>
      </span>
      <span>{reason}</span>
      <ul class="needs">
        {needsOf(request).map((need) => (
          <li key={need.by}>
            <Need need={need} />
          </li>
        ))}
      </ul>
      <span class="muted small">Where one of these keys is, this shows what is to be signed and signs it:</span>
      <Command text={signCommand(request)} />
    </li>
  );
}

function Need({ need }: { readonly need: NeedWords }) {
  const { by, missing, signed, threshold, signedBy, could } = need;
  return (
    <>
      <b>
        {signed} of {threshold}
      </b>{" "}
      {by} {signedBy.length === 0 ? "have signed" : "have signed: "}
      <KeyIds keyIds={signedBy} />
      {missing === 0 ? (
        <span class="good-text"> ✓</span>
      ) : (
        <>
          {"; "}
          <span class="warn-text">{plural(missing, "signature is", "signatures are")} missing</span>, of:{" "}
          <KeyIds keyIds={could} />
        </>
      )}
    </>
  );
}

function KeyIds({ keyIds }: { readonly keyIds: readonly string[] }) {
  return (
    <>
      {keyIds.map((keyId, index) => (
        <span key={keyId}>
          {index === 0 ? "" : ", "}
          <code title={keyId}>{shortKey(keyId)}</code>
        </span>
      ))}
    </>
  );
}
