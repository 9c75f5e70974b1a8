import { type CodeTable, entry } from "./entry.js";

/** Requests to a device's model, and the runtime behind them. */
export const INFERENCE_CODES = {
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
} as const satisfies CodeTable;
