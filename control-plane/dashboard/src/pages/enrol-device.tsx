import type { EnrolmentTokenReply } from "@sartor/shared/protocol";
import { useEffect, useRef, useState } from "preact/hooks";
import { useAction, useConnection } from "../api/index.js";
import { ErrorNote, Until } from "../components/index.js";

const LIFETIME_SECONDS = 3_600;

/** Makes a one-time token for a new device and shows, once, how to start the agent with it. */
export function EnrolDevice() {
  const { client } = useConnection();
  const [reply, setReply] = useState<EnrolmentTokenReply | null>(null);
  const make = useAction(
    (_: null, signal) => client.createEnrolmentToken({ lifetimeSeconds: LIFETIME_SECONDS, offlineSite: false }, signal),
    setReply,
  );
  return (
    <>
      <button type="button" disabled={make.busy} onClick={() => make.run(null)}>
        Add a device
      </button>
      {make.error === null ? null : <ErrorNote error={make.error} title="No token could be made" />}
      {reply === null ? null : <TokenDialog reply={reply} onClose={() => setReply(null)} />}
    </>
  );
}

interface TokenDialogProps {
  readonly reply: EnrolmentTokenReply;
  readonly onClose: () => void;
}

function TokenDialog({ reply, onClose }: TokenDialogProps) {
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => dialog.current?.showModal(), []);
  const command = [
    `export SARTOR_CONTROL_PLANE_URL=${reply.deviceUrl}`,
    `export SARTOR_ENROLMENT_TOKEN=${reply.token}`,
    "agent/bin/sartor-agent",
  ].join("\n");
  return (
    <dialog ref={dialog} class="dialog dialog-wide" aria-label="Add a device" onClose={onClose}>
      <h2>Add a device</h2>
      <p>
        Run this on the device, in the folder where Sartor is installed. The token enrols one device and expires{" "}
        <Until at={reply.expiresAt} />.
      </p>
      <pre class="command">{command}</pre>
      <p class="muted small">
        It is shown only now. If the device reaches this control plane by another address than {reply.deviceUrl}, put
        that one in. The device appears in the list by itself.
      </p>
      <div class="actions">
        <CopyButton text={command} />
        <button type="button" class="primary" onClick={() => dialog.current?.close()}>
          Done
        </button>
      </div>
    </dialog>
  );
}

function CopyButton({ text }: { readonly text: string }) {
  const [copied, setCopied] = useState(false);
  // Browsers give no clipboard to pages that did not come over https, localhost aside.
  if (!window.isSecureContext) return null;
  const copy = () => {
    navigator.clipboard.writeText(text).then(
      () => setCopied(true),
      // Refused by the reader's own settings: the text can still be marked and copied.
      () => setCopied(false),
    );
  };
  return (
    <button type="button" onClick={copy}>
      {copied ? "Copied" : "Copy"}
    </button>
  );
}
