export { loadSettings, Settings } from "./config/index.js";
export { type ControlPlane, startControlPlane } from "./control-plane.js";
