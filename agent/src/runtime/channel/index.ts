export { encodeFrame, type Frame, FrameReader } from "./frames.js";
export type {
  BundleLocation,
  ChildCall,
  ChildCalls,
  GoldenMeasurement,
  ImageLimits,
  ProbeMeasurement,
  TensorHeader,
} from "./messages.js";
