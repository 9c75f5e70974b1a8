import type { ExecutionProviderName, RuntimeAdapterName } from "../../protocol/index.js";

/** Something that loads and runs models on a device. */
export interface RuntimeAdapter {
  readonly title: string;
  /** Comes with the agent. */
  readonly shipped: boolean;
  /** Execution providers that it can offer, by processor architecture. */
  readonly offers: Readonly<Record<"x64" | "arm64", readonly ExecutionProviderName[]>>;
}

/**
 * What each adapter can offer. onnxruntime-node's binaries hold the CPU provider on both architectures and load CUDA and TensorRT
 * on x64 only, from libraries beside them; its arm64 binary has no GPU provider, so a Jetson's GPU needs another engine
 * (measured with onnxruntime-node 1.30; Triton's model repository for TensorRT and ONNX Runtime: github.com/triton-inference-server/server).
 */
export const ADAPTERS: Readonly<Record<RuntimeAdapterName, RuntimeAdapter>> = {
  "onnxruntime-node": {
    title: "ONNX Runtime",
    shipped: true,
    offers: { x64: ["cpu", "cuda", "tensorrt"], arm64: ["cpu"] },
  },
  triton: {
    title: "NVIDIA Triton",
    shipped: false,
    offers: { x64: ["cpu", "cuda", "tensorrt", "openvino"], arm64: ["cpu", "cuda", "tensorrt"] },
  },
  "openvino-model-server": {
    title: "OpenVINO Model Server",
    shipped: false,
    offers: { x64: ["openvino"], arm64: [] },
  },
};
