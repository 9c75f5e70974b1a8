import type { EnrolmentKeyReply } from "@sartor/shared/protocol";
import { useState } from "preact/hooks";
import { Allowed, useAction, useConnection, useListChanges, useResource, type WaitingDevice } from "../../api/index.js";
import {
  Ago,
  type DataColumn,
  DataTable,
  EmptyState,
  EmulatedMark,
  ErrorNote,
  FormDialog,
  Loading,
  Panel,
  RoleNote,
  TextField,
  Until,
} from "../../components/index.js";
import { groupFingerprint } from "./certificate-state.js";
import { type EnrolmentChoices, FIRST_ENROLMENT, KEY_LIFETIMES, toKeyRequest } from "./enrolment-request.js";
import { ScopeFields } from "./scope-fields.js";

const keyOf = ({ fingerprint }: WaitingDevice) => fingerprint;

/** What is claimed: a device that waits, or a key that is known in advance. */
type Claim = { readonly device: WaitingDevice | null };

/** Devices that asked without a token; a person compares the fingerprint with what the device shows, and lets it in. */
export function WaitingPart() {
  const { client } = useConnection();
  const waiting = useResource("waiting devices", (signal) => client.identity.waiting(signal));
  useListChanges(["waiting_devices", "audit"], waiting.reload);
  const [claim, setClaim] = useState<Claim | null>(null);
  const [done, setDone] = useState<EnrolmentKeyReply | null>(null);
  const finish = (reply: EnrolmentKeyReply) => {
    setClaim(null);
    setDone(reply);
    waiting.reload();
  };
  return (
    <Panel
      title="Devices that wait"
      aside={
        <Allowed to="operator">
          <button type="button" class="small-button" onClick={() => setClaim({ device: null })}>
            Allow a key in advance
          </button>
        </Allowed>
      }
    >
      {waiting.error === null ? null : <ErrorNote error={waiting.error} title="Who waits cannot be read" />}
      {waiting.value === null && waiting.error === null ? <Loading what="waiting devices" rows={2} /> : null}
      <p class="good-text" role="status">
        {done === null ? "" : `${done.fingerprint.slice(0, 12)}… may enrol; the device asks again within moments.`}
      </p>
      {waiting.value?.length === 0 ? (
        <EmptyState title="No device waits">
          <p>A device that is started without a token appears here, with the fingerprint that it shows itself.</p>
        </EmptyState>
      ) : null}
      {waiting.value === null || waiting.value.length === 0 ? null : (
        <>
          <p class="muted">
            All but the fingerprint is what a device says of itself. Claim it only when the device shows the same
            fingerprint.
          </p>
          <RoleNote needed="operator" what="Claiming a device" />
          <DataTable
            label="Devices that wait"
            columns={columnsOf((device) => setClaim({ device }))}
            rows={waiting.value}
            keyOf={keyOf}
          />
        </>
      )}
      {claim === null ? null : <ClaimDialog claim={claim} onDone={finish} onClose={() => setClaim(null)} />}
    </Panel>
  );
}

function columnsOf(onClaim: (device: WaitingDevice) => void): DataColumn<WaitingDevice>[] {
  return [
    {
      header: "Fingerprint",
      width: 40,
      render: ({ fingerprint }) => <code class="fingerprint">{groupFingerprint(fingerprint)}</code>,
    },
    {
      header: "Calls itself",
      render: ({ name, emulated }) => (
        <span class="two-lines">
          <b>{name}</b>
          {emulated ? (
            <span>
              <EmulatedMark />
            </span>
          ) : null}
        </span>
      ),
    },
    { header: "Hardware", render: ({ hardware }) => hardware.join(", ") },
    {
      header: "From",
      render: ({ address, lastSeenAt }) => (
        <span class="two-lines">
          <span>{address}</span>
          <span class="second">
            asked <Ago at={lastSeenAt} />
          </span>
        </span>
      ),
    },
    { header: "Forgotten", hint: "Unless it asks again", render: ({ expiresAt }) => <Until at={expiresAt} /> },
    {
      header: "Claim",
      render: (device) => (
        <Allowed to="operator">
          <button type="button" onClick={() => onClaim(device)} aria-label={`Claim ${device.name}`}>
            Claim
          </button>
        </Allowed>
      ),
    },
  ];
}

interface ClaimDialogProps {
  readonly claim: Claim;
  readonly onDone: (reply: EnrolmentKeyReply) => void;
  readonly onClose: () => void;
}

function ClaimDialog({ claim: { device }, onDone, onClose }: ClaimDialogProps) {
  const { client } = useConnection();
  const [choices, setChoices] = useState<EnrolmentChoices>({ ...FIRST_ENROLMENT, lifetimeSeconds: "86400" });
  const [typed, setTyped] = useState("");
  const allow = useAction(
    (fingerprint: string, signal) => client.identity.allowKey(toKeyRequest(fingerprint, choices), signal),
    onDone,
  );
  return (
    <FormDialog
      title={device === null ? "Allow a key in advance" : `Claim ${device.name}?`}
      submit={device === null ? "Allow this key" : "It is the same: claim it"}
      busy={allow.busy}
      error={allow.error}
      failed="The key was not allowed"
      onSubmit={() => allow.run(device?.fingerprint ?? typed)}
      onClose={onClose}
    >
      {device === null ? (
        <TextField
          label="Fingerprint"
          hint="64 hex digits, as the device shows them; colons and spaces do not matter."
          value={typed}
          maximumLength={200}
          required
          onChange={setTyped}
        />
      ) : (
        <div>
          <p>Compare with what the device shows:</p>
          <p class="command fingerprint">{groupFingerprint(device.fingerprint)}</p>
        </div>
      )}
      <ScopeFields
        choices={choices}
        change={(changes) => setChoices((old) => ({ ...old, ...changes }))}
        lifetimes={KEY_LIFETIMES}
        what="the key"
        anyHardware={device !== null}
      />
    </FormDialog>
  );
}
