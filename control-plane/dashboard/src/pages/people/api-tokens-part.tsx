import type { ApiTokenReply, ApiTokenView } from "@sartor/shared/protocol";
import { useState } from "preact/hooks";
import { useAction, useConnection, useListChanges, useResource } from "../../api/index.js";
import {
  Ago,
  Badge,
  ConfirmDialog,
  type DataColumn,
  DataTable,
  EmptyState,
  ErrorNote,
  Loading,
  Panel,
  SecretDialog,
  Until,
  useNow,
} from "../../components/index.js";
import { formatMoment, UNKNOWN } from "../../format/index.js";
import { scopeWords } from "../groups/index.js";
import { ApiTokenDialog } from "./api-token-dialog.js";
import { sortTokens, tokenState } from "./api-token-state.js";

const NOW_STEP_MS = 30_000;
const keyOf = ({ tokenId }: ApiTokenView) => tokenId;

/** What programs show instead of a password. */
export function ApiTokensPart() {
  const { client } = useConnection();
  const tokens = useResource("api tokens", (signal) => client.people.apiTokens(signal));
  useListChanges(["audit"], tokens.reload);
  const now = useNow(NOW_STEP_MS);
  const [making, setMaking] = useState(false);
  const [made, setMade] = useState<ApiTokenReply | null>(null);
  const [asked, setAsked] = useState<ApiTokenView | null>(null);
  const revoke = useAction((tokenId: string, signal) => client.people.revokeApiToken(tokenId, signal), tokens.reload);
  const rows = sortTokens(tokens.value ?? [], now);
  return (
    <Panel
      title="API tokens"
      aside={
        <button type="button" class="primary" onClick={() => setMaking(true)}>
          Make a token
        </button>
      }
    >
      {tokens.error === null ? null : <ErrorNote error={tokens.error} title="The tokens cannot be read" />}
      {revoke.error === null ? null : <ErrorNote error={revoke.error} title="The token was not revoked" />}
      {tokens.value === null && tokens.error === null ? <Loading what="tokens" rows={3} /> : null}
      {tokens.value?.length === 0 ? (
        <EmptyState title="No program has a token yet">
          <p>A token is a role for a program, with an end. It never may more than the person who made it may.</p>
        </EmptyState>
      ) : null}
      {rows.length === 0 ? null : (
        <DataTable label="API tokens" columns={columnsOf(now, setAsked)} rows={rows} keyOf={keyOf} />
      )}
      {making ? (
        <ApiTokenDialog
          onDone={(reply) => {
            setMaking(false);
            setMade(reply);
            tokens.reload();
          }}
          onClose={() => setMaking(false)}
        />
      ) : null}
      {made === null ? null : (
        <SecretDialog
          title="The new API token"
          text={made.token}
          before={
            <>
              A program sends it as <code>Authorization: Bearer …</code>. It ends on {formatMoment(made.expiresAt)}.
            </>
          }
          after="Only its hash is kept: whoever loses it makes another one."
          onClose={() => setMade(null)}
        />
      )}
      {asked === null ? null : (
        <ConfirmDialog
          title={`Revoke ${asked.name}?`}
          confirm="Revoke token"
          keep="Keep it"
          onConfirm={() => revoke.run(asked.tokenId)}
          onClose={() => setAsked(null)}
        >
          <p>The program that uses it is refused at once. This cannot be undone.</p>
        </ConfirmDialog>
      )}
    </Panel>
  );
}

function columnsOf(now: number, onRevoke: (token: ApiTokenView) => void): DataColumn<ApiTokenView>[] {
  return [
    {
      header: "Name",
      render: ({ name, owner }) => (
        <span class="two-lines">
          <b>{name}</b>
          <span class="second">{owner === null ? "made by the operator token" : `of ${owner}`}</span>
        </span>
      ),
    },
    {
      header: "May",
      render: ({ role, scopes, groups }) => (
        <span class="two-lines">
          <span>{role}</span>
          <span class="second">
            {scopes === null ? "everywhere" : scopes.join(", ")}, {scopeWords(groups)}
          </span>
        </span>
      ),
    },
    {
      header: "State",
      render: (token) => {
        const { word, tone } = tokenState(token, now);
        return <Badge tone={tone}>{word}</Badge>;
      },
    },
    { header: "Used", render: ({ lastUsedAt }) => (lastUsedAt === null ? "never" : <Ago at={lastUsedAt} />) },
    {
      header: "Ends",
      render: (token) => (tokenState(token, now).word === "works" ? <Until at={token.expiresAt} /> : UNKNOWN),
    },
    {
      header: "Change",
      render: (token) =>
        tokenState(token, now).word === "works" ? (
          <button
            type="button"
            class="danger small-button"
            aria-label={`Revoke ${token.name}`}
            onClick={() => onRevoke(token)}
          >
            Revoke
          </button>
        ) : null,
    },
  ];
}
