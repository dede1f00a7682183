// What a page does where the server is busy or the connection breaks: it waits a little, and not for ever.

const TRIES = 5;
const LONGEST_WAIT = 30;
const LOOKS = [1, 2, 4, 8, 15];
const ABSENT = 4;

/** Resolves after some seconds; rejects once the signal is aborted. */
function pause(seconds, signal) {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, seconds * 1000);
    signal.addEventListener("abort", () => {
      clearTimeout(timer);
      reject(signal.reason);
    });
    signal.throwIfAborted();
  });
}

/** Sends a request; where the server has no room for it, sends it again a few times, as late as it was told to. */
export async function patiently(send, busy, signal) {
  for (let tried = 1; ; tried++) {
    const response = await send();
    const wait = Number(response.headers.get("retry-after"));
    const full = response.status === 429 || response.status === 503;
    if (!full || tried === TRIES || !wait || wait > LONGEST_WAIT) return response;
    busy();
    // Not all who were sent away come back at the same moment.
    await pause(wait * tried * (1 + Math.random() / 2), signal);
  }
}

/** Returns the status of the page of an answer whose stream broke, once it is told: 200 where it was stored, else 401
 * or 404; 0 where the server was not reached. An answer may be finished while nobody reads it, so it is looked for
 * again, for half a minute at the most. */
export async function settled(href, signal) {
  let status = 0;
  let absent = 0;
  for (const seconds of LOOKS) {
    await pause(seconds, signal);
    status = await statusOf(href, signal);
    if (status === 200 || status === 401) return status;
    if (status === 404 && ++absent === ABSENT) return status;
  }
  return status;
}

/** Returns what the server says of an address at this moment; 0 where it says nothing. */
export async function statusOf(href, signal) {
  try {
    const response = await fetch(href, { headers: { accept: "*/*" }, redirect: "error", cache: "no-store", signal });
    response.body?.cancel().catch(() => {});
    return response.status;
  } catch {
    return 0;
  }
}
