import type { UploadReply } from "@sartor/shared/protocol";
import { errorOfFailure, errorOfReply } from "./api-error.js";
import { parseJson, type Transport } from "./transport.js";

/**
 * Sends a file as it is. Of what browsers have, only XMLHttpRequest tells how much of a body was sent.
 *
 * @param onProgress is told the share that was sent, 0 to 1
 * @throws ApiError
 */
export function uploadFile(
  path: string,
  file: Blob,
  transport: Transport,
  onProgress: (share: number) => void,
  signal: AbortSignal,
): Promise<UploadReply> {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open("POST", path);
    for (const [name, value] of Object.entries(transport.headers())) request.setRequestHeader(name, value);
    request.setRequestHeader("content-type", "application/octet-stream");
    request.upload.addEventListener("progress", (event) => {
      if (event.lengthComputable && event.total > 0) onProgress(event.loaded / event.total);
    });
    request.addEventListener("load", () => {
      const body = parseJson(request.responseText);
      if (request.status === 401) transport.refused();
      if (request.status >= 200 && request.status < 300 && body !== undefined) resolve(body as UploadReply);
      else reject(errorOfReply(request.status, body));
    });
    request.addEventListener("error", () => reject(errorOfFailure(new Error("the connection broke"))));
    request.addEventListener("abort", () => reject(errorOfFailure(new Error("the upload was stopped"))));
    signal.addEventListener("abort", () => request.abort(), { once: true });
    request.send(file);
  });
}
