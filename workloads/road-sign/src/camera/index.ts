export { cameraFormat, deviceView, MODEL_SIDE } from "./device-view.js";
export { type Drawings, loadDrawings } from "./drawings.js";
export { encodeSign, type PictureFormat } from "./encode.js";
export { FRAME_SIDES, renderFrame, resizeForModel } from "./frames.js";
export {
  type Conditions,
  type RenderedSign,
  type RenderOptions,
  renderSign,
  SHIFTS,
  type Shift,
} from "./render-sign.js";
