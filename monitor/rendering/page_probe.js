// Inspects a rendered page.  Uses only JavaScript that every engine supports.
// Takes {consent: [selectors of consent buttons], selector: the awaited CSS selector or null}.
// A selector "host >>> inner" finds an element "inner" in the open shadow root of the element "host".
// Clicks the first consent button that is visible.
// Returns {url, text_length, ready, selector_found, clicked}: the page's URL, the number of characters of visible text,
// whether the document is complete, whether the awaited selector matches, and the selector of the clicked button.
(function (options) {
  function find(path) {
    var parts = path.split(' >>> '), root = document, node = null;
    for (var i = 0; i < parts.length; i++) {
      if (!root) { return null; }
      try { node = root.querySelector(parts[i]); } catch (invalidSelector) { return null; }
      root = node && node.shadowRoot;
    }
    return node;
  }
  var clicked = '';
  for (var i = 0; i < options.consent.length && !clicked; i++) {
    var button = find(options.consent[i]);
    if (button && button.getClientRects().length) {
      clicked = options.consent[i];
      button.click();
    }
  }
  // innerText returns only visible text, but the browser must lay out the page first, which can take minutes for many
  // elements.
  var huge = document.getElementsByTagName('*').length > 20000;
  var text = (document.body && (huge ? document.body.textContent : document.body.innerText)) || '';
  return {
    url: location.href,
    text_length: huge ? text.length : text.replace(/\s+/g, ' ').length,
    ready: document.readyState === 'complete',
    selector_found: options.selector ? !!find(options.selector) : true,
    clicked: clicked
  };
})
