// Questions to the server. Of each kind only the last one is wanted: an older answer is null.

const asked = {};

function forget() {
  for (const kind of Object.keys(asked)) asked[kind]++;
}

// From here on an answer of this kind that is still on its way is an older one.
function claim(kind) {
  return (asked[kind] = (asked[kind] ?? 0) + 1);
}

async function askServer(question, kind) {
  const mine = claim(kind);
  let answer;
  try {
    const said = await server.answer(question);
    answer = said === undefined ? null : JSON.parse(said);
  } catch {
    answer = null;
  }
  if (mine !== asked[kind]) return null;
  return answer ?? { error: "The server did not answer. Load the page again, or try in a moment." };
}
