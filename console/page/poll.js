// poll.js looks again every few seconds, but not while nobody looks at the tab.

const pause = 5_000;
const longest = 60_000;

// poll calls look again and again, first after a pause, until the function that it returns is called. After a failure it waits
// twice as long each time. Told is called with true when looking fails, and with false when it works again.
export function poll(look, told) {
  let timer = 0, wait = pause, stopped = false, looking = false;

  async function again() {
    if (document.hidden || looking) return;
    looking = true;
    clearTimeout(timer);
    try {
      await look();
      if (!stopped) told(false);
      wait = pause;
    } catch {
      if (!stopped) told(true);
      wait = Math.min(wait * 2, longest);
    }
    looking = false;
    plan();
  }

  function plan() {
    clearTimeout(timer);
    if (!stopped && !document.hidden) timer = setTimeout(again, wait);
  }

  function shown() {
    if (document.hidden) clearTimeout(timer);
    else again();
  }

  document.addEventListener("visibilitychange", shown);
  plan();
  return () => {
    stopped = true;
    clearTimeout(timer);
    document.removeEventListener("visibilitychange", shown);
  };
}
