//! Records of `cases.json`, and the tensors that they point at.

use std::collections::HashMap;
use std::path::PathBuf;

use safetensors::SafeTensors;
use serde::Deserialize;

/// How many elements a sample of a golden has.
pub const ELEMENTS: usize = 256;

/// One reference run, and what becomes of it.
#[derive(Deserialize)]
pub struct Record {
    pub id: String,
    pub project: String,
    pub reference: String,
    #[serde(flatten)]
    pub fate: Fate,
}

/// Whether the library follows a reference run.
#[derive(Deserialize)]
#[serde(untagged)]
pub enum Fate {
    Compared(Box<Case>),
    LeftOut { nearest: String, left_out: String },
}

/// A run of the library that must reproduce a reference run.
#[derive(Deserialize)]
pub struct Case {
    pub sampler: String,
    pub schedule: String,
    pub coordinate: Coordinate,
    pub levels: Vec<Level>,
    pub denoiser: Denoiser,
    pub file: String,
    pub init: Init,
    pub noise: Option<Vec<usize>>,
    #[serde(default)]
    pub rows: Vec<(usize, usize)>,
    #[serde(default = "every")]
    pub columns: usize,
    #[serde(rename = "final")]
    pub has_final: bool,
    pub tolerance: f64,
    pub f32: Option<f64>,
    pub partial: Option<String>,
}

fn every() -> usize {
    1
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Coordinate {
    Time,
    Rho,
    Sigma,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(untagged)]
pub enum Level {
    At(f64),
    Named(NamedLevel),
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum NamedLevel {
    Clean,
    Pure,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Denoiser {
    Gauss,
    Gmm,
}

#[derive(Deserialize)]
pub struct Init {
    base_x_scale: f64,
}

impl Case {
    /// The name of the sampler, without its options.
    pub fn sampler_name(&self) -> &str {
        self.sampler.split('(').next().unwrap_or(&self.sampler)
    }

    /// Whether a level has no data: there, noise says nothing of the data, and x / alpha is not a number.
    pub fn reaches_pure(&self) -> bool {
        let is_pure = |level: &Level| match (self.coordinate, *level) {
            (_, Level::Named(NamedLevel::Pure)) => true,
            (Coordinate::Sigma, Level::At(sigma)) => sigma == 1.0,
            (_, Level::Named(NamedLevel::Clean)) | (Coordinate::Time | Coordinate::Rho, Level::At(_)) => false,
        };
        self.levels.iter().any(is_pure)
    }

    /// What is compiled: cases with the same text share it.
    pub fn program(&self) -> String {
        format!("{} {} {:?} {:?}", self.schedule, self.sampler, self.coordinate, self.levels)
    }

    /// The first sample.
    pub fn start(&self) -> Vec<f64> {
        let base = |i: f64| (0.7 * i).sin() + 0.3 * (2.1 * i).cos();
        (0..ELEMENTS).map(|i| self.init.base_x_scale * base(i as f64)).collect()
    }

    /// The tensor that the run's draw `index` reads: the reference's draw of that number, or zeros where its factor is 0.
    pub fn draw(&self, index: usize) -> Vec<f64> {
        let Some(&number) = self.noise.as_ref().and_then(|noise| noise.get(index)) else { return vec![0.0; ELEMENTS] };
        (0..ELEMENTS).map(|i| 1.2 * (1.3 * ((i + 1) * (number + 1)) as f64).sin()).collect()
    }
}

/// Everything in the folder of the goldens.
pub struct Goldens {
    pub records: Vec<Record>,
    files: HashMap<String, Vec<u8>>,
}

/// A file of this project.
pub fn path(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(name)
}

impl Goldens {
    /// Reads the folder.
    pub fn read() -> Goldens {
        #[derive(Deserialize)]
        struct Cases {
            cases: Vec<Record>,
        }
        let folder = path("tests/goldens");
        let text = std::fs::read_to_string(folder.join("cases.json")).expect("cases.json is there");
        let records = serde_json::from_str::<Cases>(&text).expect("cases.json is as its README says").cases;
        let mut files = HashMap::new();
        for record in &records {
            if let Fate::Compared(case) = &record.fate
                && !files.contains_key(&case.file)
            {
                let bytes = std::fs::read(folder.join(&case.file)).expect("the file of a golden is there");
                files.insert(case.file.clone(), bytes);
            }
        }
        Goldens { records, files }
    }

    /// The cases that are compared, in order, with their ids.
    pub fn cases(&self) -> Vec<(&str, &Case)> {
        let case = |record| match record {
            &Record { ref id, fate: Fate::Compared(ref case), .. } => Some((id.as_str(), &**case)),
            Record { fate: Fate::LeftOut { .. }, .. } => None,
        };
        self.records.iter().filter_map(case).collect()
    }

    /// A tensor of a case, as rows.
    pub fn rows(&self, id: &str, case: &Case, key: &str) -> Vec<Vec<f64>> {
        let tensors = SafeTensors::deserialize(&self.files[&case.file]).expect("a golden is a safetensors file");
        let tensor = tensors.tensor(&format!("{id}/{key}")).expect("a case has its tensors");
        assert_eq!(tensor.dtype(), safetensors::Dtype::F64, "{id}/{key}");
        let number = |bytes: &[u8]| f64::from_le_bytes(bytes.try_into().expect("eight bytes"));
        let values: Vec<f64> = tensor.data().chunks_exact(8).map(number).collect();
        let width = if key == "final" { ELEMENTS } else { ELEMENTS / case.columns };
        values.chunks_exact(width).map(<[f64]>::to_vec).collect()
    }
}
