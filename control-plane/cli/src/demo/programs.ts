import { join } from "node:path";
import { CHECKOUT } from "../config/index.js";

/** The programs that the demo starts, each a process of its own. */
export const PROGRAMS = {
  controlPlane: join(CHECKOUT, "control-plane", "dist", "main.js"),
  agent: join(CHECKOUT, "agent", "bin", "sartor-agent"),
  datasets: join(CHECKOUT, "workloads", "road-sign", "dist", "datasets", "main.js"),
  camera: join(CHECKOUT, "workloads", "road-sign", "dist", "camera", "main.js"),
} as const;

/** The folder of the road-sign model. */
export const ROAD_SIGN_MODEL = join(CHECKOUT, "workloads", "road-sign", "model");
