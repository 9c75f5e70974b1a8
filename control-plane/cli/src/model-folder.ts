import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { SartorError } from "@sartor/shared/errors";
import {
  type ModelVersionView,
  modelManifestSchema,
  modelVersionViewSchema,
  uploadReplySchema,
} from "@sartor/shared/protocol";
import type { ApiClient } from "./api-client.js";

/**
 * Registers the model in a folder (`manifest.json`, `<name>.onnx`, `golden.safetensors`). Doing it again changes nothing.
 *
 * @throws SartorError SRT_MANIFEST_INVALID when the folder is no model folder; the control plane's code when it refuses
 */
export async function pushModelFolder(api: ApiClient, folder: string): Promise<ModelVersionView> {
  const manifest = readManifest(folder);
  const { name } = modelManifestSchema.pick({ name: true }).parse(manifest);
  const model = await api.postFile("/api/v1/uploads", requireFile(folder, `${name}.onnx`), uploadReplySchema);
  const golden = await api.postFile("/api/v1/uploads", requireFile(folder, "golden.safetensors"), uploadReplySchema);
  return api.post(
    `/api/v1/models/${name}/versions`,
    { manifest, model: model.digest, golden: golden.digest },
    modelVersionViewSchema,
  );
}

function readManifest(folder: string): unknown {
  const path = requireFile(folder, "manifest.json");
  try {
    return JSON.parse(readFileSync(path, "utf8"));
  } catch (cause) {
    throw new SartorError("SRT_MANIFEST_INVALID", `${path} is not JSON.`, { cause });
  }
}

function requireFile(folder: string, name: string): string {
  const path = join(folder, name);
  if (!existsSync(path))
    throw new SartorError("SRT_MANIFEST_INVALID", `A model folder needs the file ${name}; ${folder} has none.`);
  return path;
}
