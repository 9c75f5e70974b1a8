import packageJson from "../../package.json" with { type: "json" };

/** Version of the control plane. */
export const VERSION: string = packageJson.version;
