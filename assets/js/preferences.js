// What the page remembers of how a person likes it: one entry, in this browser alone. Without storage
// nothing is remembered; an entry of another version, and a value that does not fit, count as none.

const PREFERENCES = { key: "decoding-explorer-preferences", version: 1 };

function preferences() {
  try {
    const found = JSON.parse(localStorage.getItem(PREFERENCES.key));
    return found?.version === PREFERENCES.version ? found : {};
  } catch {
    return {};
  }
}

// One of them; `fits` says of any value whether it may be one.
function preferred(name, fits) {
  const found = preferences()[name];
  return fits(found) ? found : undefined;
}

function prefer(name, value) {
  try {
    const all = { ...preferences(), [name]: value, version: PREFERENCES.version };
    localStorage.setItem(PREFERENCES.key, JSON.stringify(all));
  } catch {
    // The page is as it was asked to be; it will not be remembered.
  }
}
