//! Where figures are drawn: once as SVG, once as pixels.

use std::fmt::Display;
use std::sync::OnceLock;

use plotters::coord::Shift;
use plotters::prelude::{
    BitMapBackend, Circle, Color, DrawingArea, DrawingBackend, IntoDrawingArea, PathElement,
    Polygon, RGBColor, Rectangle, SVGBackend, Text, WHITE,
};
use plotters::style::text_anchor::{HPos, Pos, VPos};
use plotters::style::{FontStyle, FontTransform, IntoFont, TextStyle, register_font};

use crate::error::{Error, Result};

/// One picture in both forms, ready to be written to files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Figure {
    /// An SVG document.
    pub svg: String,
    /// A PNG file, at twice the size of the SVG.
    pub png: Vec<u8>,
}

pub(super) const BLUE: RGBColor = RGBColor(0x00, 0x72, 0xb2);
pub(super) const VERMILLION: RGBColor = RGBColor(0xd5, 0x5e, 0x00);
pub(super) const GREEN: RGBColor = RGBColor(0x00, 0x9e, 0x73);
pub(super) const INK: RGBColor = RGBColor(0x26, 0x26, 0x26);
pub(super) const FAINT: RGBColor = RGBColor(0x70, 0x70, 0x70);
pub(super) const GRID: RGBColor = RGBColor(0xe4, 0xe4, 0xe4);
pub(super) const PAPER: RGBColor = WHITE;

/// An SVG names the generic family; a PNG finds DejaVu Sans under that name.
const FAMILY: &str = "sans-serif";
/// Pixels of the PNG for one unit of the figure.
const PNG_SCALE: usize = 2;
/// The PNG is drawn so many times larger and averaged, which smooths the edges of thick lines.
const OVERSAMPLING: usize = 2;

/// A position in units of the figure, from the top left.
pub(super) type Point = [f64; 2];

/// What can be drawn on a canvas of any kind.
pub(super) trait Drawing {
    /// Width and height.
    fn size(&self) -> [usize; 2];
    /// Draws everything.
    fn draw<B: DrawingBackend>(&self, canvas: &Canvas<B>) -> Drawn;
}

/// Nothing, or why a backend could not draw.
pub(super) type Drawn = std::result::Result<(), String>;

/// How text is set.
#[derive(Clone, Copy)]
pub(super) struct Lettering {
    pub(super) size: f64,
    pub(super) colour: RGBColor,
    pub(super) across: HPos,
    pub(super) upwards: bool,
}

impl Lettering {
    /// Dark text, centred across and along on its point.
    pub(super) fn new(size: f64) -> Self {
        Self {
            size,
            colour: INK,
            across: HPos::Center,
            upwards: false,
        }
    }

    pub(super) fn in_colour(self, colour: RGBColor) -> Self {
        Self { colour, ..self }
    }

    /// The text starts at its point.
    pub(super) fn starting_here(self) -> Self {
        Self {
            across: HPos::Left,
            ..self
        }
    }

    /// The text ends at its point.
    pub(super) fn ending_here(self) -> Self {
        Self {
            across: HPos::Right,
            ..self
        }
    }

    /// The text reads from bottom to top.
    pub(super) fn upwards(self) -> Self {
        Self {
            upwards: true,
            ..self
        }
    }
}

/// A plotters area in units of the figure.
pub(super) struct Canvas<B: DrawingBackend> {
    area: DrawingArea<B, Shift>,
    form: Form,
}

/// What differs between the forms of a figure.
#[derive(Clone, Copy)]
struct Form {
    /// Pixels for one unit of the figure.
    scale: f64,
    /// How far below its point text must go to look centred on it, in text sizes: plotters' font
    /// engine counts the space above capital letters, SVG viewers do not.
    text_drop: f64,
}

const SVG: Form = Form {
    scale: 1.0,
    text_drop: 0.0,
};
const PNG: Form = Form {
    scale: (PNG_SCALE * OVERSAMPLING) as f64,
    text_drop: 0.12,
};

/// How wide `text` of this size is, as the built-in font sets it.
pub(super) fn text_width(text: &str, size: f64) -> f64 {
    /// Whole pixels are measured: large letters, the more exactly.
    const LARGER: f64 = 16.0;
    /// The mean width of a letter, where it cannot be measured.
    const LETTER: f64 = 0.55;
    let measured = font().and_then(|()| {
        let font = (FAMILY, size * LARGER).into_font();
        font.box_size(text).map_err(reason)
    });
    match measured {
        Ok((width, _)) => f64::from(width) / LARGER,
        Err(_) => LETTER * size * text.chars().count() as f64,
    }
}

fn reason(error: impl Display) -> String {
    error.to_string()
}

impl<B: DrawingBackend> Canvas<B> {
    fn pixel(&self, [x, y]: Point) -> (i32, i32) {
        let rounded = |length: f64| (length * self.form.scale).round() as i32;
        (rounded(x), rounded(y))
    }

    /// Width of the figure.
    pub(super) fn across(&self) -> f64 {
        f64::from(self.area.dim_in_pixel().0) / self.form.scale
    }

    fn width(&self, width: f64) -> u32 {
        (width * self.form.scale).round().max(1.0) as u32
    }

    pub(super) fn line(&self, points: &[Point], colour: RGBColor, width: f64) -> Drawn {
        let points: Vec<_> = points.iter().map(|&point| self.pixel(point)).collect();
        let style = colour.stroke_width(self.width(width));
        self.area
            .draw(&PathElement::new(points, style))
            .map_err(reason)
    }

    pub(super) fn dot(&self, centre: Point, radius: f64, colour: RGBColor) -> Drawn {
        let radius = self.width(radius) as i32;
        self.area
            .draw(&Circle::new(self.pixel(centre), radius, colour.filled()))
            .map_err(reason)
    }

    pub(super) fn rectangle(&self, corners: [Point; 2], colour: RGBColor) -> Drawn {
        let corners = corners.map(|corner| self.pixel(corner));
        self.area
            .draw(&Rectangle::new(corners, colour.filled()))
            .map_err(reason)
    }

    /// Fills what lies within `edge`.
    pub(super) fn polygon(&self, edge: &[Point], colour: RGBColor) -> Drawn {
        let edge: Vec<_> = edge.iter().map(|&point| self.pixel(point)).collect();
        self.area
            .draw(&Polygon::new(edge, colour.filled()))
            .map_err(reason)
    }

    pub(super) fn text(&self, at: Point, text: &str, lettering: Lettering) -> Drawn {
        let mut font = (FAMILY, lettering.size * self.form.scale).into_font();
        let drop = self.form.text_drop * lettering.size;
        let at = if lettering.upwards {
            [at[0] + drop, at[1]]
        } else {
            [at[0], at[1] + drop]
        };
        if lettering.upwards {
            font = font.transform(FontTransform::Rotate270);
        }
        let style = TextStyle::from(font)
            .color(&lettering.colour)
            .pos(Pos::new(lettering.across, VPos::Center));
        self.area
            .draw(&Text::new(text.to_owned(), self.pixel(at), style))
            .map_err(reason)
    }
}

/// Draws a figure in both forms.
pub(super) fn render(drawing: &impl Drawing) -> Result<Figure> {
    let forms = font().and_then(|()| {
        Ok(Figure {
            svg: svg(drawing)?,
            png: png(drawing)?,
        })
    });
    forms.map_err(|reason| {
        Error::argument(
            "figure",
            format!("it cannot be drawn: {reason}"),
            "report this as a bug of elman",
        )
    })
}

/// Registers the font, once a process.
fn font() -> Drawn {
    static REGISTERED: OnceLock<bool> = OnceLock::new();
    let registered = REGISTERED
        .get_or_init(|| register_font(FAMILY, FontStyle::Normal, dejavu::sans::regular()).is_ok());
    if *registered {
        Ok(())
    } else {
        Err("the built-in font is damaged".to_owned())
    }
}

fn svg(drawing: &impl Drawing) -> std::result::Result<String, String> {
    let [width, height] = drawing.size();
    let mut svg = String::new();
    let area = SVGBackend::with_string(&mut svg, (width as u32, height as u32)).into_drawing_area();
    paint(drawing, area, SVG)?;
    Ok(svg)
}

fn png(drawing: &impl Drawing) -> std::result::Result<Vec<u8>, String> {
    let scale = PNG_SCALE * OVERSAMPLING;
    let [width, height] = drawing.size().map(|length| length * scale);
    let mut pixels = vec![0; width * height * 3];
    let area =
        BitMapBackend::with_buffer(&mut pixels, (width as u32, height as u32)).into_drawing_area();
    paint(drawing, area, PNG)?;
    let size = drawing.size().map(|length| length * PNG_SCALE);
    encode(&averaged(&pixels, size), size)
}

fn paint<B: DrawingBackend>(
    drawing: &impl Drawing,
    area: DrawingArea<B, Shift>,
    form: Form,
) -> Drawn {
    area.fill(&PAPER).map_err(reason)?;
    let canvas = Canvas { area, form };
    drawing.draw(&canvas)?;
    canvas.area.present().map_err(reason)
}

/// Every pixel of an image of `size` is the mean of a square of `pixels`.
fn averaged(pixels: &[u8], [width, height]: [usize; 2]) -> Vec<u8> {
    let row = width * OVERSAMPLING * 3;
    let mut smaller = Vec::with_capacity(width * height * 3);
    for y in 0..height {
        for x in 0..width {
            for channel in 0..3 {
                let mut sum = 0;
                for within in 0..OVERSAMPLING * OVERSAMPLING {
                    let (down, along) = (within / OVERSAMPLING, within % OVERSAMPLING);
                    let at =
                        (y * OVERSAMPLING + down) * row + (x * OVERSAMPLING + along) * 3 + channel;
                    sum += usize::from(pixels[at]);
                }
                smaller.push((sum / (OVERSAMPLING * OVERSAMPLING)) as u8);
            }
        }
    }
    smaller
}

fn encode(pixels: &[u8], [width, height]: [usize; 2]) -> std::result::Result<Vec<u8>, String> {
    let mut file = Vec::new();
    let mut encoder = png::Encoder::new(&mut file, width as u32, height as u32);
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_depth(png::BitDepth::Eight);
    let mut writer = encoder.write_header().map_err(reason)?;
    writer.write_image_data(pixels).map_err(reason)?;
    writer.finish().map_err(reason)?;
    Ok(file)
}

/// White or dark, whichever reads better on `ground`.
pub(super) fn readable_on(ground: RGBColor) -> RGBColor {
    let RGBColor(red, green, blue) = ground;
    let light = 299 * u32::from(red) + 587 * u32::from(green) + 114 * u32::from(blue);
    if light > 140_000 { INK } else { WHITE }
}

/// From paper (0) to `colour` (1).
pub(super) fn tint(colour: RGBColor, strength: f64) -> RGBColor {
    let mix = |full: u8| (255.0 + (f64::from(full) - 255.0) * strength).round() as u8;
    RGBColor(mix(colour.0), mix(colour.1), mix(colour.2))
}
