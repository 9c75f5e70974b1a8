import type { DeviceCertificatesReply, DeviceDetail, EnrolmentTokenReply } from "@sartor/shared/protocol";
import { useState } from "preact/hooks";
import { Allowed, useAction, useConnection, useListChanges, useLiveEvents, useResource } from "../../api/index.js";
import {
  Badge,
  ConfirmDialog,
  ErrorNote,
  Facts,
  Loading,
  Panel,
  RoleNote,
  Until,
  useNow,
} from "../../components/index.js";
import { formatMoment, plural } from "../../format/index.js";
import { certificateWord, groupFingerprint, identityState } from "./certificate-state.js";
import { FIRST_ENROLMENT, toTokenRequest } from "./enrolment-request.js";
import { TokenDialog } from "./token-dialog.js";

const NOW_STEP_MS = 30_000;

/** What a device proves with who it is, and what ends or renews that. */
export function DeviceIdentity({ device }: { readonly device: DeviceDetail }) {
  const { client } = useConnection();
  const { deviceId } = device;
  const identity = useResource(`identity ${deviceId}`, (signal) => client.identity.certificates(deviceId, signal));
  useListChanges(["audit"], identity.reload);
  useLiveEvents((event) => {
    // A device that comes or goes may have been revoked or have got another certificate.
    const changed =
      event.type === "device" &&
      event.device.deviceId === deviceId &&
      event.device.presence.since !== device.presence.since;
    if (changed) identity.reload();
  });
  const now = useNow(NOW_STEP_MS);
  const reply = identity.value;
  const state = reply === null ? null : identityState(reply, now);
  return (
    <Panel title="Identity" aside={state === null ? null : <Badge tone={state.tone}>{state.word}</Badge>}>
      {identity.error === null ? null : <ErrorNote error={identity.error} title="The identity cannot be read" />}
      {reply === null && identity.error === null ? <Loading what="the identity" rows={3} /> : null}
      {reply === null || state === null ? null : (
        <>
          {reply.revokedAt === null ? null : (
            <p class="note note-warn">
              The access of this device was revoked on {formatMoment(reply.revokedAt)}. A replacement token lets it in
              again, with its name and history.
            </p>
          )}
          <IdentityFacts reply={reply} current={state.current} />
          <OtherCertificates reply={reply} current={state.current} now={now} />
          <div class="button-row">
            <Allowed to="admin">
              <Replacement device={device} />
              {reply.revokedAt === null ? <Revocation device={device} onRevoked={identity.reload} /> : null}
            </Allowed>
          </div>
          <RoleNote needed="admin" what="A replacement token" />
          {reply.revokedAt === null ? <RoleNote needed="admin" what="Revoking a device" /> : null}
        </>
      )}
    </Panel>
  );
}

interface CertificatesProps {
  readonly reply: DeviceCertificatesReply;
  readonly current: DeviceCertificatesReply["certificates"][number] | null;
}

function IdentityFacts({ reply, current }: CertificatesProps) {
  return (
    <Facts
      facts={[
        ["Serial", current === null ? null : <code class="wrap">{current.serial}</code>],
        [
          "Ends",
          current === null ? null : (
            <>
              <Until at={current.notAfter} /> <span class="muted">({formatMoment(current.notAfter)})</span>
            </>
          ),
        ],
        ["Key", current === null ? null : <code class="fingerprint">{groupFingerprint(current.keyFingerprint)}</code>],
        ["Board", reply.generation === 0 ? "the first" : `replaced ${plural(reply.generation, "time", "times")}`],
      ]}
    />
  );
}

function OtherCertificates({ reply, current, now }: CertificatesProps & { readonly now: number }) {
  const others = reply.certificates.filter((each) => each !== current);
  if (others.length === 0) return null;
  return (
    <details class="fold">
      <summary>{plural(others.length, "other certificate", "other certificates")}</summary>
      <ul class="sentences">
        {others.map((each) => (
          <li key={each.serial}>
            <code class="wrap">{each.serial}</code>: {certificateWord(each, now)},{" "}
            {formatMoment(each.revokedAt ?? each.notAfter)}
          </li>
        ))}
      </ul>
    </details>
  );
}

function Replacement({ device }: { readonly device: DeviceDetail }) {
  const { client } = useConnection();
  const [asking, setAsking] = useState(false);
  const [reply, setReply] = useState<EnrolmentTokenReply | null>(null);
  const make = useAction(
    (replaces: string, signal) => client.identity.createToken(toTokenRequest({ ...FIRST_ENROLMENT, replaces }), signal),
    setReply,
  );
  return (
    <>
      <button type="button" disabled={make.busy} onClick={() => setAsking(true)}>
        Replacement token
      </button>
      {make.error === null ? null : <ErrorNote error={make.error} title="No token could be made" />}
      {asking ? (
        <ConfirmDialog
          title={`A new board for ${device.name}?`}
          confirm="Make a token"
          keep="Not now"
          begins
          onConfirm={() => make.run(device.deviceId)}
          onClose={() => setAsking(false)}
        >
          <p>
            Whoever redeems the token within an hour becomes {device.name}, with its name and history. At that moment
            the certificates of today end. Until then nothing changes.
          </p>
        </ConfirmDialog>
      ) : null}
      {reply === null ? null : (
        <TokenDialog
          title="Replacement token"
          reply={reply}
          what={`makes one board the device ${device.name}`}
          onClose={() => setReply(null)}
        />
      )}
    </>
  );
}

function Revocation({ device, onRevoked }: { readonly device: DeviceDetail; readonly onRevoked: () => void }) {
  const { client } = useConnection();
  const [asking, setAsking] = useState(false);
  const revoke = useAction((deviceId: string, signal) => client.identity.revoke(deviceId, signal), onRevoked);
  return (
    <>
      <button type="button" class="danger" disabled={revoke.busy} onClick={() => setAsking(true)}>
        Revoke access
      </button>
      {revoke.error === null ? null : <ErrorNote error={revoke.error} title="The device was not revoked" />}
      {asking ? (
        <ConfirmDialog
          title={`Revoke ${device.name}?`}
          confirm="Revoke access"
          keep="Keep it"
          onConfirm={() => revoke.run(device.deviceId)}
          onClose={() => setAsking(false)}
        >
          <p>
            All its certificates end and its connections are closed at once. What it serves goes on, but it gets no more
            orders and its telemetry is refused. Only a replacement token lets it in again.
          </p>
        </ConfirmDialog>
      ) : null}
    </>
  );
}
