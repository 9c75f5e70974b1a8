import type { EnrolmentTokenReply } from "@sartor/shared/protocol";
import { SecretDialog, Until } from "../../components/index.js";

/** Properties of a {@link TokenDialog}. */
export interface TokenDialogProps {
  readonly title: string;
  readonly reply: EnrolmentTokenReply;
  /** What the device that redeems the token becomes. */
  readonly what: string;
  readonly onClose: () => void;
}

/** Shows a one-time token, once, as what has to be run on the device. */
export function TokenDialog({ title, reply, what, onClose }: TokenDialogProps) {
  const command = [
    `export SARTOR_CONTROL_PLANE_URL=${reply.deviceUrl}`,
    `export SARTOR_ENROLMENT_TOKEN=${reply.token}`,
    "agent/bin/sartor-agent",
  ].join("\n");
  return (
    <SecretDialog
      title={title}
      text={command}
      before={
        <>
          Run this on the device, in the folder where Sartor is installed. The token {what} and expires{" "}
          <Until at={reply.expiresAt} />.
        </>
      }
      after={`If the device reaches this control plane by another address than ${reply.deviceUrl}, put that one in. The device appears in the list by itself.`}
      onClose={onClose}
    />
  );
}
