/** What the agent says over its channel to the supervisor once it has proved itself. */
export const PROVED = "sartor-agent:proved";
