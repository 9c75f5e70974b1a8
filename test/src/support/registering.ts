import { createHash } from "node:crypto";
import type { ErrorReply, ModelManifest, ModelVersionView, UploadReply } from "@sartor/shared/protocol";
import { type RestReply, rest } from "./enrolled-device.js";
import type { Signer } from "./signing.js";

/** A control plane that models are registered with. */
export interface Registry {
  readonly httpUrl: string;
  readonly operatorToken: string;
  readonly signer?: Signer | undefined;
}

/** A model as its files. */
export interface ModelFiles {
  readonly onnx: Uint8Array;
  readonly manifest: ModelManifest;
  readonly golden: Uint8Array;
}

/** SHA-256 as the protocol writes it. */
export function digestOf(bytes: Uint8Array): string {
  return `sha256:${createHash("sha256").update(bytes).digest("hex")}`;
}

/** Uploads content as the operator. */
export async function upload(
  controlPlane: Registry,
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

/**
 * Uploads a model and its golden vectors and registers the version; parts may be replaced by bad ones. What was taken is signed when
 * this resolves, so that a rollout may begin, unless the test signs by itself.
 */
export async function register(
  controlPlane: Registry,
  model: ModelFiles,
  instead: { onnx?: Uint8Array; golden?: Uint8Array; manifest?: unknown } = {},
): Promise<RestReply<ModelVersionView & ErrorReply>> {
  const { name } = model.manifest;
  const onnx = await upload(controlPlane, instead.onnx ?? model.onnx);
  const golden = await upload(controlPlane, instead.golden ?? model.golden);
  const reply = await rest<ModelVersionView & ErrorReply>(controlPlane, "POST", `/api/v1/models/${name}/versions`, {
    manifest: instead.manifest ?? model.manifest,
    model: onnx.body.digest,
    golden: golden.body.digest,
  });
  if (reply.status < 300) await controlPlane.signer?.signed(reply.body.model, reply.body.version);
  return reply;
}
