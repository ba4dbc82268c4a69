// One look at a page, in the oldest JavaScript an engine knows.  Takes {consent: [selectors], selector}; a
// selector "host >>> inner" looks into the host's open shadow root.  Clicks the first consent button it sees.
// Returns {url, text, ready, found, clicked}: where it is, characters of visible text, whether the document is complete, whether the
// awaited selector is there, and the selector of the button clicked.
(function (want) {
  function find(path) {
    var parts = path.split(' >>> '), root = document, node = null;
    for (var i = 0; i < parts.length; i++) {
      if (!root) { return null; }
      try { node = root.querySelector(parts[i]); } catch (badSelector) { return null; }
      root = node && node.shadowRoot;
    }
    return node;
  }
  var clicked = '';
  for (var i = 0; i < want.consent.length && !clicked; i++) {
    var button = find(want.consent[i]);
    if (button && button.getClientRects().length) {
      clicked = want.consent[i];
      button.click();
    }
  }
  // innerText lays the page out: what a reader sees, but minutes of work on a page without end.
  var endless = document.getElementsByTagName('*').length > 20000;
  var text = (document.body && (endless ? document.body.textContent : document.body.innerText)) || '';
  return {
    url: location.href,
    text: endless ? text.length : text.replace(/\s+/g, ' ').length,
    ready: document.readyState === 'complete',
    found: want.selector ? !!find(want.selector) : true,
    clicked: clicked
  };
})
