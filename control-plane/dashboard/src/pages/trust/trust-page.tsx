import type { TrustStatus } from "@sartor/shared/protocol";
import { useConnection, useListChanges, useLiveEvents, useResource } from "../../api/index.js";
import { Badge, Command, ErrorNote, Loading, Panel } from "../../components/index.js";
import { plural } from "../../format/index.js";
import { useTitle } from "../use-title.js";
import { RequestsPart } from "./requests-part.js";
import { RolesPart } from "./roles-part.js";
import { ceremonyCommand, problemParts } from "./trust-words.js";

/** What is signed, until when, and what waits for whose signature. */
export function TrustPage() {
  useTitle("Trust");
  const { client } = useConnection();
  const status = useResource("trust", (signal) => client.trust.status(signal));
  const requests = useResource("signing requests", (signal) => client.trust.openRequests(signal));
  const reload = () => {
    status.reload();
    requests.reload();
  };
  useListChanges(["trust"], reload);
  useLiveEvents(({ type }) => {
    if (type === "model") reload();
  });
  return (
    <div class="page">
      <div class="page-head">
        <h1>Trust</h1>
        {status.value === null ? null : <Readiness status={status.value} />}
      </div>
      <p class="muted">
        Devices install only what people have signed. The keys that sign are files which stay with those people, never
        here: <b>nothing can be signed in the browser</b>. This page shows what is signed, what is missing, and the
        command to run where a key is.
      </p>
      {status.error === null ? null : <ErrorNote error={status.error} title="The state of trust cannot be read" />}
      {status.value === null && status.error === null ? <Loading what="the state of trust" rows={6} /> : null}
      {status.value === null ? null : (
        <>
          {status.value.ready ? <Problems status={status.value} /> : <NoCeremony status={status.value} />}
          {requests.error === null ? null : (
            <ErrorNote error={requests.error} title="The signing requests cannot be read" />
          )}
          {requests.value === null ? null : <RequestsPart requests={requests.value} ready={status.value.ready} />}
          {status.value.ready ? <RolesPart roles={status.value.roles} /> : null}
        </>
      )}
    </div>
  );
}

function Readiness({ status }: { readonly status: TrustStatus }) {
  const { ready, devices } = status;
  return (
    <>
      <span role="status">
        <Badge tone={ready ? "good" : "bad"}>{ready ? "ready" : "no key ceremony yet"}</Badge>
      </span>
      {ready ? (
        <span class="muted">
          {plural(devices, "device has signed orders of its own", "devices have signed orders of their own")}
        </span>
      ) : null}
    </>
  );
}

function NoCeremony({ status }: { readonly status: TrustStatus }) {
  return (
    <Panel title="Hold the key ceremony">
      <p>
        No root of trust was set up. Until then nothing can be rolled out: no device would believe an order. On a
        machine that you trust, with the <code>sartor</code> command and an admin's login, run
      </p>
      <p class="command-block">
        <Command text={ceremonyCommand(status)} />
      </p>
      <p>
        It makes the keys, each encrypted in a file of its own, and hands their public halves in here. Two of three keys
        sign for a role, so give the files to different people afterwards.
      </p>
      <OtherProblems status={status} />
    </Panel>
  );
}

/** Before the ceremony its own sentence is what the panel says already. */
function OtherProblems({ status }: { readonly status: TrustStatus }) {
  const rest = status.problems.filter((sentence) => !sentence.includes("sartor keys ceremony"));
  return rest.length === 0 ? null : <ProblemList problems={rest} />;
}

function Problems({ status }: { readonly status: TrustStatus }) {
  return (
    <Panel title="To look at">
      {status.problems.length === 0 ? (
        <p class="good-text">Nothing: everything is signed and in time.</p>
      ) : (
        <ProblemList problems={status.problems} />
      )}
    </Panel>
  );
}

function ProblemList({ problems }: { readonly problems: readonly string[] }) {
  return (
    <ul class="problem-list" aria-label="Problems">
      {problems.map((sentence) => {
        const { text, command } = problemParts(sentence);
        return (
          <li key={sentence}>
            <span>{text}</span>
            {command === null ? null : <Command text={command} />}
          </li>
        );
      })}
    </ul>
  );
}
