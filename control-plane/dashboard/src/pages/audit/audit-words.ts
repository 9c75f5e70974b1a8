import type { AuditEntry } from "@sartor/shared/protocol";

/** What the control plane writes down, as people say it; anything else is shown as it is. */
const ACTIONS: Readonly<Record<string, string>> = {
  "POST /api/v1/api-tokens": "make an API token",
  "DELETE /api/v1/api-tokens/:tokenId": "revoke an API token",
  "POST /api/v1/builds/:buildId/cancel": "cancel a build",
  "POST /api/v1/certificates/servers": "make a server certificate",
  "PATCH /api/v1/devices/:deviceId": "change a device",
  "DELETE /api/v1/devices/:deviceId": "remove a device",
  "POST /api/v1/devices/:deviceId/revoke": "revoke a device",
  "POST /api/v1/devices/:deviceId/tunings": "measure on a device",
  "POST /api/v1/enrolment-tokens": "make an enrolment token",
  "POST /api/v1/enrolments/keys": "allow a device's key",
  "POST /api/v1/models/:name/datasets": "add samples",
  "DELETE /api/v1/models/:name/datasets/:datasetId": "delete samples",
  "POST /api/v1/models/:name/versions": "register a version",
  "POST /api/v1/models/:name/versions/:version/builds": "build variants",
  "PUT /api/v1/operator-token": "switch the operator token",
  "POST /api/v1/rollouts": "start a rollout",
  "POST /api/v1/rollouts/:rolloutId/cancel": "cancel a rollout",
  "POST /api/v1/session": "log in",
  "DELETE /api/v1/session": "log out",
  "POST /api/v1/session/password": "change the own password",
  "POST /api/v1/trust/ceremony": "hand in the roots of trust",
  "POST /api/v1/trust/releases": "release a version",
  "POST /api/v1/trust/requests": "propose a change of keys",
  "POST /api/v1/trust/requests/:requestId/signatures": "sign",
  "POST /api/v1/tunings/:tuningId/cancel": "cancel a measurement",
  "POST /api/v1/uploads": "upload a file",
  "POST /api/v1/users": "add a user",
  "PATCH /api/v1/users/:userName": "change a user",
  "DELETE /api/v1/users/:userName": "remove a user",
  "DELETE /api/v1/users/:userName/sessions": "log a user out",
  "device.enrolled": "a device enrolled",
  "device.revoked": "a device's access ended",
  "device.deleted": "a device was removed",
  "person.logged_in": "log in at the identity provider",
  "rollout.started": "a rollout began",
  "rollout.ended": "a rollout ended",
  "signing.published": "signed metadata was published",
};

/** What was done, in words; null where there are none for it. */
export function actionWords(action: string): string | null {
  return Object.hasOwn(ACTIONS, action) ? (ACTIONS[action] ?? null) : null;
}

const KINDS: Readonly<Record<AuditEntry["actor"]["kind"], string>> = {
  user: "user",
  api_token: "API token",
  operator_token: "operator token",
  device: "device",
  system: "control plane",
  anonymous: "nobody who is known",
};

/** Who it was: the name, and what that is the name of. */
export function actorWords({ kind, name, id, role }: AuditEntry["actor"]): { name: string; what: string } {
  const shown = name ?? id;
  if (shown === null) return { name: KINDS[kind], what: "" };
  const what = [shown === KINDS[kind] ? null : KINDS[kind], role].filter((part) => part !== null).join(", ");
  return { name: shown, what };
}
