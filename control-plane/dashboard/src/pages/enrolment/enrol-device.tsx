import type { EnrolmentTokenReply } from "@sartor/shared/protocol";
import { useState } from "preact/hooks";
import { useAction, useConnection } from "../../api/index.js";
import { ErrorNote } from "../../components/index.js";
import { FIRST_ENROLMENT, toTokenRequest } from "./enrolment-request.js";
import { TokenDialog } from "./token-dialog.js";

/** Makes a one-time token for a new device and shows, once, how to start the agent with it. */
export function EnrolDevice() {
  const { client } = useConnection();
  const [reply, setReply] = useState<EnrolmentTokenReply | null>(null);
  const make = useAction(
    (_: null, signal) => client.identity.createToken(toTokenRequest(FIRST_ENROLMENT), signal),
    setReply,
  );
  return (
    <>
      <button type="button" disabled={make.busy} onClick={() => make.run(null)}>
        Add a device
      </button>
      {make.error === null ? null : <ErrorNote error={make.error} title="No token could be made" />}
      {reply === null ? null : (
        <TokenDialog title="Add a device" reply={reply} what="enrols one device" onClose={() => setReply(null)} />
      )}
    </>
  );
}
