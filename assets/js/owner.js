// The owner's token: 192 random bits that this browser makes at the first visit and keeps.
(token, ...others) => {
  if (token) return [token, ...others];
  const bytes = crypto.getRandomValues(new Uint8Array(24));
  const text = btoa(String.fromCharCode(...bytes));
  return [text.replaceAll("+", "-").replaceAll("/", "_"), ...others];
}
