// Browsers start no worker from a file. So the search of a site that is opened as a file runs in a
// hidden frame of the page, which is spoken to as a worker is.
if (location.protocol === 'file:')
  window.Worker = class extends EventTarget {
    constructor(url) {
      super();
      this.frame = Object.assign(document.createElement('iframe'), { hidden: true, srcdoc: '<!doctype html>' });
      this.ready = new Promise((resolve) => this.frame.addEventListener('load', () => this.start(url, resolve), { once: true }));
      document.body.append(this.frame);
    }

    start(url, resolve) {
      const { contentWindow, contentDocument } = this.frame, script = contentDocument.createElement('script');
      contentWindow.postMessage = (data) => this.dispatchEvent(new MessageEvent('message', { data }));
      script.addEventListener('load', () => resolve(contentWindow));
      script.src = new URL(url, location);
      contentDocument.head.append(script);
    }

    postMessage(data) {
      this.ready.then((inside) => inside.dispatchEvent(new MessageEvent('message', { data })));
    }
  };
