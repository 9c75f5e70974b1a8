/**
 * Every stable error code of Sartor, with its HTTP status and what a person can do about it.
 *
 * A code never changes its meaning and is never reused. `docs/errors.md` is generated from this table
 * (`npm run docs:errors`) and a test fails when the page and the table differ.
 */
export interface ErrorCodeEntry {
  /** HTTP status of a reply that carries this code. */
  readonly status: number;
  /** What happened, in one sentence. */
  readonly meaning: string;
  /** What the reader can do, in one sentence. */
  readonly action: string;
}

const entry = (status: number, meaning: string, action: string): ErrorCodeEntry => ({
  status,
  meaning,
  action,
});

export const ERROR_CODES = {
  // --- general -------------------------------------------------------------------------------
  SRT_INTERNAL: entry(
    500,
    "An error that Sartor did not foresee.",
    "Look up the correlation id in the log and report it.",
  ),
  SRT_NOT_FOUND: entry(404, "No such resource or route.", "Check the address and the id."),
  SRT_INVALID_REQUEST: entry(
    400,
    "The request does not fit its schema.",
    "Read the listed problems and correct those fields.",
  ),
  SRT_BODY_TOO_LARGE: entry(
    413,
    "The body is larger than this route accepts.",
    "Send less; the limit is named in the message.",
  ),
  SRT_UNSUPPORTED_MEDIA_TYPE: entry(
    415,
    "The content type is not one this route takes.",
    "Send one of the listed content types.",
  ),
  SRT_METHOD_NOT_ALLOWED: entry(405, "The route exists, the method does not.", "Use one of the listed methods."),
  SRT_REQUEST_TIMED_OUT: entry(
    408,
    "The request did not arrive whole in time.",
    "Send it again over a faster line; authenticated uploads have half an hour, everything else a minute.",
  ),
  SRT_ADDRESS_TOO_LONG: entry(414, "The address, or one part of it, is too long.", "Shorten it."),
  SRT_HEADERS_TOO_LARGE: entry(
    431,
    "The request's headers are larger than accepted.",
    "Send fewer or shorter headers.",
  ),
  SRT_UNAVAILABLE: entry(503, "The server is starting or stopping.", "Send the request again in a few seconds."),
  SRT_CONFLICT: entry(
    409,
    "The resource is not in a state that allows this.",
    "Read the current state and decide anew.",
  ),
  SRT_RATE_LIMITED: entry(429, "Too many requests.", "Wait for the time named in Retry-After."),
  SRT_CONFIG_INVALID: entry(
    500,
    "A setting has a value that cannot be used.",
    "Correct the named setting and start again.",
  ),
  SRT_STATE_UNUSABLE: entry(
    500,
    "Stored state is damaged and was set aside.",
    "Nothing to do; the file that was set aside is named in the log.",
  ),
  // --- identity ------------------------------------------------------------------------------
  SRT_UNAUTHENTICATED: entry(
    401,
    "No valid credential came with the request.",
    "Send the operator's or the device's credential.",
  ),
  SRT_FORBIDDEN: entry(403, "The credential does not allow this.", "Use a credential that does."),
  SRT_ENROLMENT_TOKEN_UNKNOWN: entry(401, "No such enrolment token.", "Ask an operator for a new token."),
  SRT_ENROLMENT_TOKEN_USED: entry(
    409,
    "The enrolment token was redeemed by another device.",
    "Ask an operator for a new token; each enrols one device.",
  ),
  SRT_ENROLMENT_TOKEN_EXPIRED: entry(401, "The enrolment token is past its time.", "Ask an operator for a new token."),
  SRT_DEVICE_UNKNOWN: entry(404, "No such device.", "Check the device id against the fleet page."),
  // --- protocol ------------------------------------------------------------------------------
  SRT_MESSAGE_INVALID: entry(
    400,
    "A message does not fit its schema; it was counted and dropped.",
    "Update the agent or the control plane so that both speak the same protocol version.",
  ),
  SRT_PROTOCOL_UNSUPPORTED: entry(
    400,
    "The peer speaks a protocol version that this side does not.",
    "Update the older side.",
  ),
  SRT_PACKET_TOO_LARGE: entry(
    413,
    "An MQTT packet is larger than the broker accepts.",
    "Send files over HTTP, not MQTT.",
  ),
  SRT_BROKER_UNREACHABLE: entry(
    503,
    "The MQTT broker cannot be reached, refused for now or stopped answering.",
    "The agent tries again by itself and keeps its messages; check the network and the broker.",
  ),
  // --- models --------------------------------------------------------------------------------
  SRT_MODEL_UNKNOWN: entry(404, "No such model or version.", "Check the name and the version."),
  SRT_MODEL_EXISTS: entry(
    409,
    "This version exists with different content.",
    "Raise the version number; versions never change.",
  ),
  SRT_MODEL_NOT_ONNX: entry(422, "The file is not an ONNX model.", "Export the network as ONNX and upload that file."),
  SRT_MODEL_UNSUPPORTED: entry(
    422,
    "The ONNX model needs something that is not supported.",
    "Read the message: it names the operator set, IR version or feature.",
  ),
  SRT_MODEL_SHAPE_MISMATCH: entry(
    422,
    "The manifest's inputs or outputs are not those of the model.",
    "Correct names, types and shapes in the manifest; the message lists both sides.",
  ),
  SRT_MODEL_LABELS_MISMATCH: entry(
    422,
    "The number of labels is not the number of classes.",
    "Give one label for each output of the model, in its order.",
  ),
  SRT_MANIFEST_INVALID: entry(
    422,
    "The model manifest does not fit its schema.",
    "Read the listed problems and correct those fields.",
  ),
  SRT_GOLDEN_INVALID: entry(
    422,
    "The golden vectors cannot be read or do not fit the manifest.",
    "Write them as safetensors with input.<name> and output.<name>.",
  ),
  SRT_GOLDEN_MISMATCH: entry(
    422,
    "The model does not reproduce its golden vectors.",
    "Recompute the golden vectors with exactly this model file.",
  ),
  // --- variants: quantization and calibration -------------------------------------------------
  SRT_QUANTIZE_UNSUPPORTED: entry(
    422,
    "The model has something that the wanted precision cannot express.",
    "Read the message: it names the node; choose another precision or export the model without it.",
  ),
  SRT_QUANTIZE_OPSET: entry(
    422,
    "The model's operator set is too old to be quantized.",
    "Export the model with opset 13 or later.",
  ),
  SRT_QUANTIZE_NOT_FINITE: entry(
    422,
    "A weight of the model is not a finite number.",
    "Retrain or repair the model; the message names the tensor.",
  ),
  SRT_QUANTIZE_NOTHING: entry(
    422,
    "No operator of the model can be quantized in the wanted way.",
    "Choose another precision, or keep the model in fp32.",
  ),
  SRT_QUANTIZE_INACCURATE: entry(
    422,
    "No mix of quantized and fp32 layers within the limits keeps the accuracy that the policy asks for.",
    "Keep the model in fp32 or fp16, give more calibration samples, or relax the policy.",
  ),
  SRT_CALIBRATION_EMPTY: entry(
    422,
    "The calibration set has no sample.",
    "Give at least one sample; a few hundred from the field are good.",
  ),
  SRT_CALIBRATION_SHAPE: entry(
    422,
    "A calibration sample does not fit the model's inputs.",
    "Send each input by its name with the type and shape that the message lists.",
  ),
  SRT_CALIBRATION_NOT_FINITE: entry(
    422,
    "A calibration sample makes a value of the network infinite or not a number.",
    "Check the samples' pre-processing and the model; the message names the value.",
  ),
  SRT_CALIBRATION_INCOMPLETE: entry(
    422,
    "A value that is to be quantized was not calibrated.",
    "Calibrate the model that is quantized, not another one.",
  ),
  SRT_PRUNE_NOTHING: entry(
    422,
    "The model has no convolution whose channels can be removed.",
    "Leave the pruned variants out of the build.",
  ),
  SRT_PRUNE_INACCURATE: entry(
    422,
    "The pruned network is less accurate than the policy allows.",
    "Remove a smaller share of the channels, or leave the pruned variants out.",
  ),
  SRT_DATASET_INVALID: entry(
    422,
    "The uploaded samples cannot be used for this model.",
    "Read the message: it names the tensor; docs/variants.md says what a dataset holds.",
  ),
  SRT_DATASET_UNKNOWN: entry(404, "No such dataset.", "Check the id against the model's datasets."),
  SRT_DATASET_EXISTS: entry(
    409,
    "The model has a dataset of this name with other content.",
    "Choose another name; a dataset never changes.",
  ),
  SRT_DATASET_IN_USE: entry(
    409,
    "A build that has not ended reads this dataset.",
    "Wait for the build to end, or cancel it.",
  ),
  SRT_BUILD_UNKNOWN: entry(404, "No such build.", "Check the build id."),
  SRT_BUILD_MEMORY: entry(
    422,
    "Building a variant needs more memory than a build may take.",
    "Give the control plane more memory (SARTOR_BUILD_MEMORY_BYTES), or a smaller model.",
  ),
  SRT_BUILD_CRASHED: entry(
    500,
    "The process that builds variants ended again and again without a result.",
    "Look up the build in the control plane's log and report it; the model's other variants are not touched.",
  ),
  SRT_BUILD_TIMED_OUT: entry(
    422,
    "A build took longer than builds may take.",
    "Use fewer samples, or raise SARTOR_BUILD_TIME_SECONDS.",
  ),
  SRT_VARIANT_UNKNOWN: entry(404, "No such variant.", "Check the name against the version's variants."),
  // --- tailoring and tuning --------------------------------------------------------------------
  SRT_PROFILE_UNKNOWN: entry(404, "No such firmware profile.", "Check the id against GET /api/v1/firmware-profiles."),
  SRT_TAILORING_NO_INVENTORY: entry(
    409,
    "The device has not said yet what hardware it is.",
    "Wait until it has connected once.",
  ),
  SRT_TAILORING_NO_VARIANT: entry(
    422,
    "No variant of the model fits this device and the policy.",
    "Read the plan: it says what was ruled out and why; build another variant or relax the policy.",
  ),
  SRT_TUNING_UNKNOWN: entry(404, "No such tuning.", "Check the tuning id."),
  SRT_TUNING_FAILED: entry(
    500,
    "The device could not measure any candidate.",
    "Read the results: each candidate says why; then ask for the tuning again.",
  ),
  SRT_TUNING_MEMORY: entry(
    507,
    "The device has too little free memory to load the candidate beside what serves.",
    "Read the message: it says how much is needed and free; free memory or raise the agent's limit, then ask for the tuning again.",
  ),
  // --- blobs and bundles ---------------------------------------------------------------------
  SRT_BLOB_UNKNOWN: entry(404, "No blob has this digest.", "Upload the content first, or check the digest."),
  SRT_DIGEST_MISMATCH: entry(
    422,
    "Content does not have the digest that was announced.",
    "Send it again; if it persists, the source is damaged.",
  ),
  SRT_BUNDLE_UNKNOWN: entry(404, "No such bundle.", "Check the bundle id."),
  SRT_RANGE_NOT_SATISFIABLE: entry(
    416,
    "The requested byte range lies outside the content.",
    "Ask for a range within the content's length.",
  ),
  // --- trust: signed metadata --------------------------------------------------------------
  SRT_TRUST_NO_ROOT: entry(
    409,
    "No root of trust was set up, so nothing can be signed or installed.",
    "Run the key ceremony: sartor keys ceremony.",
  ),
  SRT_TRUST_SIGNATURE: entry(
    422,
    "Metadata is not signed by enough of the keys that may sign it.",
    "If nobody changed keys, somebody tampers with metadata: look at who serves it. Else sign it with the current keys.",
  ),
  SRT_TRUST_ROLLBACK: entry(
    409,
    "Metadata or a release is older than what the device has already accepted.",
    "Release the version again with a higher counter where a downgrade is meant; else look at who serves old metadata.",
  ),
  SRT_TRUST_EXPIRED: entry(
    410,
    "Metadata is past its time; what runs keeps running, nothing new is installed.",
    "Check the device's clock and the line; sign anew what the control plane shows as expired.",
  ),
  SRT_TRUST_METADATA_INVALID: entry(
    422,
    "Metadata is not what TUF allows, or is larger than accepted.",
    "Look at who serves it; the message names the role.",
  ),
  SRT_TRUST_MISMATCH: entry(
    409,
    "Director and image repository do not say the same about a bundle.",
    "Wait for the next refresh; if it persists, one of the repositories is compromised: stop the rollout.",
  ),
  SRT_TRUST_WRONG_DEVICE: entry(
    403,
    "A signed order is for another device.",
    "Look at who serves it: somebody replays another device's order.",
  ),
  SRT_TRUST_WRONG_HARDWARE: entry(
    422,
    "The bundle is not for this kind of hardware.",
    "Choose a variant that is; the message names both.",
  ),
  SRT_TRUST_UNSIGNED: entry(
    409,
    "The bundle is not in the signed image repository yet.",
    "Sign its release: sartor keys sign.",
  ),
  SRT_TRUST_UNREACHABLE: entry(
    502,
    "Signed metadata could not be fetched.",
    "The device tries again by itself; check the network between device and control plane.",
  ),
  SRT_KEY_UNKNOWN: entry(404, "No such key.", "Check the key id: sartor keys list."),
  SRT_KEY_LOCKED: entry(401, "The passphrase does not open the key file.", "Enter the passphrase of this key."),
  SRT_KEY_FILE_INVALID: entry(422, "The key file is damaged or not one of Sartor's.", "Restore it from its backup."),
  SRT_SIGNING_REQUEST_UNKNOWN: entry(404, "No such signing request.", "Check the id: sartor keys requests."),
  // --- certificates ------------------------------------------------------------------------
  SRT_CSR_INVALID: entry(
    422,
    "The certificate request is damaged, not signed by its own key, or its key is not P-256.",
    "Have the device make a new key and request.",
  ),
  SRT_CERTIFICATE_REVOKED: entry(
    403,
    "The device's certificate was revoked.",
    "Enrol the device again with a new token, or a replacement token to keep its name.",
  ),
  SRT_CERTIFICATE_EXPIRED: entry(
    401,
    "The device's certificate is past its time and past the grace for renewal.",
    "Enrol the device again with a replacement token.",
  ),
  SRT_CERTIFICATE_UNKNOWN: entry(
    401,
    "The certificate is none that this control plane issued for an enrolled device.",
    "Enrol the device.",
  ),
  SRT_ENROLMENT_SCOPE: entry(
    403,
    "The enrolment token is for another kind of hardware or group.",
    "Ask an operator for a token for this device's hardware.",
  ),
  SRT_AUTHORITY_MISMATCH: entry(
    409,
    "The control plane's root certificate is not the one that the device was told to trust.",
    "Check the address. If it is right, somebody may stand between; a control plane that was set up anew needs a new token.",
  ),
  // --- people ------------------------------------------------------------------------------
  SRT_LOGIN_FAILED: entry(
    401,
    "User name or password is wrong, or the login was disabled.",
    "Try again, or ask an admin.",
  ),
  SRT_SESSION_EXPIRED: entry(401, "The session is over.", "Log in again."),
  SRT_USER_UNKNOWN: entry(404, "No such user.", "Check the name against the users."),
  SRT_USER_EXISTS: entry(409, "A user of this name exists.", "Choose another name."),
  SRT_PASSWORD_WEAK: entry(422, "The password is too short or too common.", "Choose one of 12 characters or more."),
  SRT_API_TOKEN_UNKNOWN: entry(404, "No such API token.", "Check the id against the tokens."),
  SRT_ROLE_TOO_LOW: entry(403, "The role does not allow this.", "Ask somebody whose role does; the message names it."),
  SRT_AUDIT_BROKEN: entry(
    500,
    "The audit log's chain of hashes is broken.",
    "Somebody changed or removed entries: compare with a copy; the message names the first entry that does not fit.",
  ),
  SRT_OIDC_FAILED: entry(
    502,
    "The login at the identity provider failed.",
    "Try again; an admin finds the reason in the log.",
  ),
  // --- few bytes ---------------------------------------------------------------------------
  SRT_DELTA_INVALID: entry(
    422,
    "A difference does not apply to what the device holds.",
    "Nothing to do; the device fetches the whole content instead.",
  ),
  SRT_DELTA_NOT_OFFERED: entry(
    409,
    "No difference between these files is offered: another way costs fewer bytes, or it could not be made.",
    "Nothing to do; the device fetches the chunks that it lacks instead.",
  ),
  // --- rollouts ------------------------------------------------------------------------------
  SRT_ROLLOUT_UNKNOWN: entry(404, "No such rollout.", "Check the rollout id."),
  SRT_ROLLOUT_NO_DEVICES: entry(422, "The rollout selects no device.", "Enrol a device first or widen the selection."),
  SRT_DEPLOYMENT_TIMED_OUT: entry(
    504,
    "A device did not finish within the deployment's deadline.",
    "Look at the device's last reported step; retry the rollout when it is reachable.",
  ),
  SRT_DEPLOYMENT_CANCELED: entry(
    409,
    "The deployment was canceled with its rollout.",
    "Nothing to do; start another rollout when you want the bundle on the device.",
  ),
  SRT_DEPLOYMENT_SUPERSEDED: entry(
    409,
    "A newer rollout took this deployment's place on the device.",
    "Nothing to do; look at the newer rollout, which the details name.",
  ),
  // --- agent: over the air -------------------------------------------------------------------
  SRT_DOWNLOAD_FAILED: entry(
    502,
    "A piece of the bundle could not be downloaded.",
    "The agent retries by itself; check the network between device and control plane.",
  ),
  SRT_DISK_FULL: entry(
    507,
    "There is not enough free space for the bundle.",
    "Free space on the device; the message says how much is needed.",
  ),
  SRT_INSTALL_FAILED: entry(
    500,
    "The bundle could not be written to its slot.",
    "Read the message; the old bundle keeps serving.",
  ),
  SRT_PROBE_FAILED: entry(
    500,
    "The new bundle did not pass its acceptance check and was rolled back.",
    "Read the message: it names the check that failed.",
  ),
  SRT_PROBE_LOOP: entry(
    500,
    "The bundle crashed the agent or its runtime repeatedly and was rolled back.",
    "Do not roll it out again before the cause is found.",
  ),
  // --- agent: inference ----------------------------------------------------------------------
  SRT_MODEL_NOT_READY: entry(
    503,
    "No model of this name is serving yet.",
    "Wait for the deployment, then send the request again.",
  ),
  SRT_TENSOR_INVALID: entry(
    400,
    "A tensor's name, type, shape or data does not fit the model.",
    "Read the message: it names the tensor and what is expected.",
  ),
  SRT_IMAGE_INVALID: entry(400, "The body is not a readable PNG or JPEG image.", "Send a complete PNG or JPEG."),
  SRT_IMAGE_TOO_LARGE: entry(413, "The image has more pixels than accepted.", "Send a smaller crop."),
  SRT_INFERENCE_FAILED: entry(
    500,
    "The runtime failed to run the model.",
    "Read the message; the agent restarts the runtime by itself.",
  ),
  SRT_INFERENCE_OVERLOADED: entry(
    503,
    "More requests wait than the queue holds.",
    "Send fewer requests at once and honour Retry-After.",
  ),
  SRT_INFERENCE_TIMED_OUT: entry(
    504,
    "A run of the model took longer than allowed; its process was ended.",
    "Send the request again; if it persists, the model is too slow or hangs on this device.",
  ),
  SRT_PROVIDER_UNAVAILABLE: entry(
    500,
    "The execution provider asked for is not the one that ran.",
    "Install the provider's libraries or choose a variant for another provider.",
  ),
} as const satisfies Record<string, ErrorCodeEntry>;

/** A stable error code. */
export type ErrorCode = keyof typeof ERROR_CODES;

/** Tells whether a string is one of Sartor's codes. */
export function isErrorCode(value: string): value is ErrorCode {
  return Object.hasOwn(ERROR_CODES, value);
}
