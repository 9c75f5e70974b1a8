export { DdSketch, type DdSketchOptions } from "./dd-sketch.js";
