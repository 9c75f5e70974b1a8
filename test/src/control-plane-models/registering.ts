import { createHash } from "node:crypto";
import type { ErrorReply, ModelVersionView, UploadReply } from "@sartor/shared/protocol";
import type { RunningControlPlane } from "../support/control-plane.js";
import { type RestReply, rest } from "../support/enrolled-device.js";
import type { TinyModel } from "../support/tiny-model.js";

/** SHA-256 as the protocol writes it. */
export function digestOf(bytes: Uint8Array): string {
  return `sha256:${createHash("sha256").update(bytes).digest("hex")}`;
}

/** Uploads content as the operator. */
export async function upload(
  controlPlane: RunningControlPlane,
  content: Uint8Array,
  headers: Record<string, string> = {},
): Promise<{ status: number; body: UploadReply & ErrorReply }> {
  const reply = await fetch(`${controlPlane.httpUrl}/api/v1/uploads`, {
    method: "POST",
    headers: {
      authorization: `Bearer ${controlPlane.operatorToken}`,
      "content-type": "application/octet-stream",
      ...headers,
    },
    body: new Uint8Array(content),
  });
  return { status: reply.status, body: (await reply.json()) as UploadReply & ErrorReply };
}

/** Uploads a model and its golden vectors and registers the version; parts may be replaced by bad ones. */
export async function register(
  controlPlane: RunningControlPlane,
  model: TinyModel,
  instead: { onnx?: Uint8Array; golden?: Uint8Array; manifest?: unknown } = {},
): Promise<RestReply<ModelVersionView & ErrorReply>> {
  const onnx = await upload(controlPlane, instead.onnx ?? model.onnx);
  const golden = await upload(controlPlane, instead.golden ?? model.golden);
  return rest(controlPlane, "POST", `/api/v1/models/${model.manifest.name}/versions`, {
    manifest: instead.manifest ?? model.manifest,
    model: onnx.body.digest,
    golden: golden.body.digest,
  });
}
