//! Samples as a picture: a grid of grey tiles.

use candle_core::{DType, Tensor};
use image::{GrayImage, ImageFormat, Luma};

use crate::report::Failed;

/// Pixels on a side of a sample's pixel.
const ZOOM: u32 = 3;
/// Pixels between tiles.
const GAP: u32 = 4;

/// A PNG of samples `[n, 1, height, width]` with values in [-1, 1], `columns` in a row.
pub fn png(samples: &Tensor, columns: usize) -> Result<Vec<u8>, Failed> {
    let failed = |error: candle_core::Error| Failed::Found(error.to_string());
    let dims = samples.dims().to_vec();
    let [n, _, height, width] = dims[..] else {
        return Err(Failed::Found(format!("a picture is made of samples [n, 1, height, width], found {dims:?}")));
    };
    let values = samples
        .narrow(1, 0, 1)
        .and_then(|s| s.to_dtype(DType::F32)?.flatten_all()?.to_vec1::<f32>())
        .map_err(failed)?;
    let columns = columns.clamp(1, n.max(1));
    let rows = n.div_ceil(columns);
    let tile = |size: usize| size as u32 * ZOOM + GAP;
    let mut picture =
        GrayImage::from_pixel(columns as u32 * tile(width) + GAP, rows as u32 * tile(height) + GAP, Luma([24]));
    for (at, value) in values.iter().enumerate() {
        let (sample, inside) = (at / (height * width), at % (height * width));
        let x = (sample % columns) as u32 * tile(width) + GAP + (inside % width) as u32 * ZOOM;
        let y = (sample / columns) as u32 * tile(height) + GAP + (inside / width) as u32 * ZOOM;
        let grey = Luma([((value.clamp(-1.0, 1.0) + 1.0) * 127.5).round() as u8]);
        for dy in 0..ZOOM {
            for dx in 0..ZOOM {
                picture.put_pixel(x + dx, y + dy, grey);
            }
        }
    }
    let mut bytes = std::io::Cursor::new(Vec::new());
    picture.write_to(&mut bytes, ImageFormat::Png).map_err(|error| Failed::Found(error.to_string()))?;
    Ok(bytes.into_inner())
}
