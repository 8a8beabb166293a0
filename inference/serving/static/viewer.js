// The slide itself: OpenSeadragon over the tiles of the original file, jumps, prefetch, scale bar, heat map, focus aid.
const JUDGE_UM = 0.3; // micrometres a screen pixel when a finding is jumped to: the detail of a nucleus shows
const COARSE_UM = 0.7; // a reader who is closer than this keeps his own magnification
const HEAT = 0.6; // opacity of the heat map
const AHEAD = 240; // tiles that are kept decoded ahead

export class Viewer {
  constructor(element, slide, key) {
    this.slide = slide;
    this.base = `/tile/${key}/${slide.sha256.slice(0, 16)}`;
    this.levels = slide.pyramid.sizes.length;
    this.ahead = new Map();
    // OpenSeadragon adds a style sheet of its own unless it finds this; ours is in desk.css, and the policy allows no other.
    const mark = document.createElementNS("urn:none", "style");
    mark.setAttribute("data-openseadragon-mobile-css", "");
    document.head.append(mark);
    // The canvas drawer: where the graphics card is not used, WebGL is emulated and takes seconds a view.
    this.osd = new OpenSeadragon.Viewer({
      element, drawer: "canvas", showNavigationControl: false, showNavigator: false, animationTime: 0.3, springStiffness: 9, blendTime: 0,
      maxTilesPerFrame: 32, immediateRender: true, // all tiles of a place at once, and none of the coarser levels before them
      maxZoomPixelRatio: 4, minZoomImageRatio: 0.7, visibilityRatio: 0.4, imageLoaderLimit: 8, timeout: 60000,
      gestureSettingsMouse: { clickToZoom: false, dblClickToZoom: true }, gestureSettingsTouch: { clickToZoom: false },
      gestureSettingsPen: { clickToZoom: false }, zoomPerScroll: 1.3,
      tileSources: {
        width: slide.width_px, height: slide.height_px, tileSize: slide.pyramid.tile_px, tileOverlap: 0,
        minLevel: 0, maxLevel: this.levels - 1,
        getTileUrl: (level, column, row) => this.address(this.levels - 1 - level, column, row),
      },
    });
    this.osd.innerTracker.keyDownHandler = null;
    this.osd.innerTracker.keyHandler = null;
    this.ready = new Promise((resolve, reject) => {
      this.osd.addOnceHandler("open", resolve);
      this.osd.addOnceHandler("open-failed", (event) => reject(new Error(event.message)));
    });
  }

  address(level, column, row) { return `${this.base}/${level}/${column}/${row}.jpg`; }

  get item() { return this.osd.world.getItemAt(0); }

  /** Micrometres per screen pixel. */
  get umPerPx() {
    const zoom = this.item.viewportToImageZoom(this.osd.viewport.getZoom(true));
    return this.slide.um_per_px / zoom;
  }

  /** The visible part, level-0 pixels. */
  get bounds() {
    const { x, y, width, height } = this.item.viewportToImageRectangle(this.osd.viewport.getBounds(true));
    return { x, y, width, height };
  }

  toScreen(x, y) { return this.item.imageToViewerElementCoordinates(new OpenSeadragon.Point(x, y)); }

  toImage(x, y) { return this.item.viewerElementToImageCoordinates(new OpenSeadragon.Point(x, y)); }

  zoomFor() { return this.item.imageToViewportZoom(this.slide.um_per_px / (this.umPerPx > COARSE_UM ? JUDGE_UM : this.umPerPx)); }

  /** Go to a place at once. */
  jump(x, y) {
    const { viewport } = this.osd;
    viewport.zoomTo(this.zoomFor(), null, true);
    viewport.panTo(this.item.imageToViewportCoordinates(x, y), true);
  }

  glide(x, y) { this.osd.viewport.panTo(this.item.imageToViewportCoordinates(x, y)); }

  zoomBy(factor) { this.osd.viewport.zoomBy(factor); this.osd.viewport.applyConstraints(); }

  home() { this.osd.viewport.goHome(); }

  panBy(across, down) {
    const { width, height } = this.osd.viewport.getBounds();
    this.osd.viewport.panBy(new OpenSeadragon.Point(across * width, down * height));
    this.osd.viewport.applyConstraints();
  }

  /** Fetch and decode the tiles that a jump to these places will show. */
  prefetch(places) {
    const um = this.umPerPx > COARSE_UM ? JUDGE_UM : this.umPerPx;
    const level = Math.max(0, Math.min(this.levels - 1, Math.floor(Math.log2(um / this.slide.um_per_px / devicePixelRatio) + 0.01)));
    const side = this.slide.pyramid.tile_px * 2 ** level;
    const container = this.osd.viewport.getContainerSize();
    const across = container.x * um / this.slide.um_per_px / 2, down = container.y * um / this.slide.um_per_px / 2;
    const [width, height] = this.slide.pyramid.sizes[level];
    const last = [Math.ceil(width / this.slide.pyramid.tile_px) - 1, Math.ceil(height / this.slide.pyramid.tile_px) - 1];
    for (const { x, y } of places) {
      for (let row = Math.max(0, Math.floor((y - down) / side)); row <= Math.min(last[1], Math.floor((y + down) / side)); row++) {
        for (let column = Math.max(0, Math.floor((x - across) / side)); column <= Math.min(last[0], Math.floor((x + across) / side)); column++) {
          const address = this.address(level, column, row);
          if (this.ahead.has(address)) continue;
          const image = new Image();
          image.src = address;
          image.decode().catch(() => this.ahead.delete(address));
          this.ahead.set(address, image);
          if (this.ahead.size > AHEAD) this.ahead.delete(this.ahead.keys().next().value);
        }
      }
    }
  }

  /** Show or hide the heat map over the slide. */
  heat(address, on) {
    this.heated = on;
    if (this.layer) this.layer.setOpacity(on ? HEAT : 0);
    if (this.layer || this.asked || !on) return;
    this.asked = true;
    this.osd.addTiledImage({
      tileSource: { type: "image", url: address, buildPyramid: false }, x: 0, y: 0, width: 1, opacity: HEAT,
      success: ({ item }) => { this.layer = item; item.setOpacity(this.heated ? HEAT : 0); this.osd.forceRedraw(); },
      error: () => { this.asked = false; },
    });
  }
}

/** A bar of 1, 2 or 5 times a power of ten, about 120 screen pixels long. */
export const ruler = (umPerPx) => {
  const wanted = umPerPx * 140;
  const power = 10 ** Math.floor(Math.log10(wanted));
  const length = [5, 2, 1].find((step) => step * power <= wanted) * power;
  return { width: length / umPerPx, label: length >= 1000 ? `${length / 1000} mm` : `${+length.toPrecision(1)} µm` };
};
