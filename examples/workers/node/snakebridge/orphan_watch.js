// A thread that ends the worker when its host has died. The end of the input says so, too, but only to a worker that
// reads it: one whose tool computes does not. (In C, prctl(PR_SET_PDEATHSIG) does this without a thread.)

import { Worker, isMainThread, workerData } from "node:worker_threads";

const INTERVAL_MS = 250;

/** Watches whether `host` is still the parent. */
export function watchForHostDeath(host) {
  new Worker(new URL(import.meta.url), { workerData: host }).unref();
}

if (!isMainThread) {
  setInterval(() => {
    if (process.ppid !== workerData) process.kill(0, "SIGKILL"); // 0: the group, with all that tools have started
  }, INTERVAL_MS);
}
