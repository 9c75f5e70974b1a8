export { DeviceTailoring } from "./device-tailoring.js";
