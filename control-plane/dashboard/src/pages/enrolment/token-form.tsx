import type { EnrolmentTokenReply } from "@sartor/shared/protocol";
import { useState } from "preact/hooks";
import { Allowed, useAction, useConnection } from "../../api/index.js";
import { ErrorNote, Panel, RoleNote } from "../../components/index.js";
import { type EnrolmentChoices, FIRST_ENROLMENT, TOKEN_LIFETIMES, toTokenRequest } from "./enrolment-request.js";
import { ScopeFields } from "./scope-fields.js";
import { TokenDialog } from "./token-dialog.js";

/** Makes a token by what was chosen. */
export function TokenForm() {
  const { client } = useConnection();
  const [choices, setChoices] = useState<EnrolmentChoices>(FIRST_ENROLMENT);
  const [reply, setReply] = useState<EnrolmentTokenReply | null>(null);
  const make = useAction(
    (request: EnrolmentChoices, signal) => client.identity.createToken(toTokenRequest(request), signal),
    (made) => {
      setReply(made);
      setChoices(FIRST_ENROLMENT);
    },
  );
  return (
    <Panel title="Enrolment token">
      <p class="muted">
        A token enrols one device. Only its hash is kept, so that it is shown once, and tokens that were made cannot be
        listed: one that is not used ends by itself.
      </p>
      <RoleNote needed="operator" what="Making a token" />
      <Allowed to="operator">
        <form
          class="form"
          onSubmit={(event) => {
            event.preventDefault();
            make.run(choices);
          }}
        >
          <ScopeFields
            choices={choices}
            change={(changes) => setChoices((old) => ({ ...old, ...changes }))}
            lifetimes={TOKEN_LIFETIMES}
            what="the token"
          />
          {make.error === null ? null : <ErrorNote error={make.error} title="No token could be made" />}
          <div class="form-actions">
            <button type="submit" class="primary" disabled={make.busy}>
              Make a token
            </button>
          </div>
        </form>
      </Allowed>
      {reply === null ? null : (
        <TokenDialog title="Enrolment token" reply={reply} what="enrols one device" onClose={() => setReply(null)} />
      )}
    </Panel>
  );
}
