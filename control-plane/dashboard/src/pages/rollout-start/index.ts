export { NewRolloutPage } from "./new-rollout-page.js";
